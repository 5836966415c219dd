"""Bodies of requests for MCP servers."""

from typing import Any

import httpx

SERVERS = "/api/experimental/mcp/servers"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def server_body(**changes: Any) -> dict[str, Any]:
    """A valid request to create a server without authentication."""
    body: dict[str, Any] = {
        "display_name": "Tickets",
        "slug": "tickets",
        "transport": "streamable_http",
        "url": "https://tickets.example/mcp",
        "auth_type": "none",
        "availability": "default_off",
    }
    return {**body, **changes}


def create_server(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Create a server and return what the API says of it."""
    response = client.post(SERVERS, json=server_body(**changes))
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


MANUAL_OAUTH2 = {
    "auth_type": "oauth2",
    "oauth2_client_id": "client-1",
    "oauth2_client_secret": "sentinel-client-secret",
    "oauth2_auth_url": "https://login.example/authorize",
    "oauth2_token_url": "https://login.example/token",
}
