"""The registry's rules, as pure functions over a server: what must be there, and what must go."""

from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.errors import Validation
from chalicelib.mcp_servers.errors import InvalidServerError
from chalicelib.mcp_servers.models import MCPServer, OAuth2Client
from chalicelib.sdk.mcp_servers import AuthType

if TYPE_CHECKING:
    from chalicelib.sdk.requests.mcp_servers import UpdateMCPServerConfigRequest

_PARTIAL_OAUTH2 = (
    "OAuth2 auth type requires either all of oauth2_client_id, oauth2_auth_url, and "
    "oauth2_token_url (manual configuration), or none of them (automatic discovery via RFC 7591)."
)
_MISSING_OAUTH2 = (
    "OAuth2 auth type requires all of oauth2_client_id, oauth2_auth_url, and oauth2_token_url "
    "when an existing server is changed to it."
)


def check_complete(server: MCPServer, *, discovery_possible: bool) -> None:
    """Insist that a server has what its `auth_type` needs.

    Raises:
        InvalidServerError: it lacks something; the validations name the fields.
    """
    if server.auth_type is AuthType.OAUTH2:
        _check_oauth2(server.oauth2, discovery_possible=discovery_possible)
    elif server.auth_type is AuthType.API_KEY:
        _require(
            "API key auth type requires api_key_header and api_key_value.",
            api_key_header=server.api_key_header,
            api_key_value=server.api_key_value,
        )
    elif server.auth_type is AuthType.CUSTOM_HEADERS:
        _require(
            "Custom headers auth type requires at least one custom header, or a name in "
            "user_header_names.",
            custom_headers=server.custom_headers or "".join(server.user_header_names),
        )


def check_user_headers(server: MCPServer, custom_header_names: Container[str]) -> None:
    """Insist that no header has its value from an admin and from each user.

    Raises:
        InvalidServerError: one would; `custom_header_names` are in lower case.
    """
    twice = [name for name in server.user_header_names if name.lower() in custom_header_names]
    if twice:
        raise InvalidServerError(
            "A header has either one value for everybody or each user's own.",
            [
                Validation("user_header_names", f"must not name {name} as custom_headers does")
                for name in twice
            ],
        )


def clear_other_auth(server: MCPServer) -> MCPServer:
    """The server without what belongs to another `auth_type`: a secret left behind is a leak."""
    if server.auth_type is not AuthType.OAUTH2:
        server = replace(server, oauth2=OAuth2Client())
    if server.auth_type is not AuthType.API_KEY:
        server = replace(server, api_key_header="", api_key_value=b"")
    if server.auth_type is not AuthType.CUSTOM_HEADERS:
        server = replace(server, custom_headers=b"", user_header_names=())
    return server


def has_moved(before: MCPServer, after: MCPServer) -> bool:
    """Whether users' tokens would go somewhere else than where they were granted for."""
    return _destination(before) != _destination(after)


def check_secrets_stay(
    before: MCPServer, after: MCPServer, request: "UpdateMCPServerConfigRequest"
) -> None:
    """Insist that a secret is entered again when it would be sent to another origin.

    Whoever may change a server may not therefore read its secrets: sending them to a host of one's
    own would be reading them.

    Raises:
        InvalidServerError: the request names a new origin and not the secret.
    """
    client_endpoints = ("token_url", "revocation_url")
    moved_secrets = {
        "api_key_value": bool(after.api_key_value) and _origin_differs(before.url, after.url),
        "custom_headers": bool(after.custom_headers) and _origin_differs(before.url, after.url),
        "oauth2_client_secret": bool(after.oauth2.client_secret)
        and any(
            _origin_differs(getattr(before.oauth2, name), getattr(after.oauth2, name))
            for name in client_endpoints
        ),
    }
    missing = [
        Validation(name, "must be entered again when it would go to another host")
        for name, moves in moved_secrets.items()
        if moves and getattr(request, name) is None
    ]
    if missing:
        raise InvalidServerError("The secret must be entered again.", missing)


def redact(server: MCPServer, organization_ids: tuple[str, ...]) -> MCPServer:
    """What a member may see: not where the server is, nor how we authenticate there.

    Nor for which organisations it is, apart from these, which are the member's own.
    """
    return replace(
        server,
        url="",
        organization_ids=organization_ids,
        oauth2=OAuth2Client(client_secret=server.oauth2.client_secret),
        api_key_header="",
    )


def _check_oauth2(client: OAuth2Client, *, discovery_possible: bool) -> None:
    if client.needs_discovery and discovery_possible:
        return
    _require(
        _PARTIAL_OAUTH2 if discovery_possible else _MISSING_OAUTH2,
        oauth2_client_id=client.client_id,
        oauth2_auth_url=client.auth_url,
        oauth2_token_url=client.token_url,
    )


def _require(message: str, **fields: str | bytes) -> None:
    missing = [
        Validation(name, "is required for this auth_type")
        for name, value in fields.items()
        if not value
    ]
    if missing:
        raise InvalidServerError(message, missing)


def _origin_differs(before: str, after: str) -> bool:
    return bool(after) and urlsplit(before)[:2] != urlsplit(after)[:2]


def _destination(server: MCPServer) -> tuple[str, ...]:
    is_filled_in = server.auth_type is AuthType.CUSTOM_HEADERS
    names = sorted(name.lower() for name in server.user_header_names) if is_filled_in else []
    return (
        *names,
        server.url,
        server.auth_type,
        server.oauth2.token_url,
        server.oauth2.revocation_url,
        server.oauth2.client_id,
    )
