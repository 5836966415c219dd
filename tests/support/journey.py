"""An MCP server with OAuth2 on a fake internet, and a person with a browser who connects to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.authorization_server import AuthorizationServer
from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL, Deployment, start_deployment
from tests.support.internet import FakeInternet
from tests.support.resource_server import ResourceServer
from tests.support.servers import SERVERS, create_server

MCP_URL = "https://tickets.example/mcp"
ISSUER = "https://login.example"
ORIGIN = {"Origin": "https://ciborium.example"}


@dataclass
class World:
    """A deployment and what it can reach."""

    deployment: Deployment
    internet: FakeInternet
    authorization_server: AuthorizationServer
    resource_server: ResourceServer

    def register(self, **changes: Any) -> dict[str, Any]:
        """The admin registers the MCP server by its URL alone."""
        body = {"auth_type": "oauth2", "enabled": True, "url": MCP_URL, **changes}
        with self.deployment.admin as admin:
            return create_server(admin, **body)

    @contextmanager
    def browser(self, token: str = ADMIN_TOKEN) -> Iterator[httpx.Client]:
        """A browser in which the token's owner is signed in."""
        with self.deployment.client(Accept="text/html", **ORIGIN) as browser:
            browser.post("/api/v2/users/login", json={"token": token}).raise_for_status()
            yield browser

    def authorize(self, browser: httpx.Client, server_id: str) -> httpx.URL:
        """Open the connect link, approve at the provider; where the browser is sent then."""
        started = browser.get(f"{SERVERS}/{server_id}/oauth2/connect")
        assert started.status_code == 307, started.text
        return httpx.URL(self.authorization_server.authorize(started.headers["location"]))

    def connect(self, browser: httpx.Client, server_id: str) -> httpx.Response:
        """The whole way; the callback's answer."""
        return browser.get(self.authorize(browser, server_id))

    def connect_as(self, token: str, server_id: str) -> None:
        """A user connects in a browser of their own, a second later than whatever was before."""
        self.deployment.clock.advance(seconds=1)
        with self.browser(token) as browser:
            answer = self.connect(browser, server_id)
            assert answer.status_code == 200, answer.text

    def connected(self, **changes: Any) -> str:
        """The id of a server that the admin has registered and is connected to."""
        server_id: str = self.register(**changes)["id"]
        self.connect_as(ADMIN_TOKEN, server_id)
        self.internet.requests.clear()
        return server_id

    def list_tools(self, server_id: str, token: str = ADMIN_TOKEN) -> httpx.Response:
        """A user lists a server's tools."""
        with self.deployment.client(token) as client:
            return client.get(f"{SERVERS}/{server_id}/tools")

    def asked_scopes(self, server_id: str, token: str = ADMIN_TOKEN) -> set[str]:
        """The scopes that a user would be asked to grant now."""
        with self.deployment.client(token) as client:
            started = client.get(f"{SERVERS}/{server_id}/oauth2/connect")
        asked = httpx.URL(started.headers["location"]).params
        return set(asked.get("scope", "").split())

    def add_authorization_server(self, issuer: str, **knobs: Any) -> AuthorizationServer:
        """Another authorization server."""
        server = AuthorizationServer(issuer, clock=self.deployment.clock, **knobs)
        return server.join(self.internet)


def start_world(environment: Mapping[str, Any] | None = None, **authorization_server: Any) -> World:
    """A deployment, an MCP server, and the authorization server that protects it."""
    internet = FakeInternet()
    settings: dict[str, Any] = dict(environment or {})
    deployment = start_deployment(internet, **settings)
    provider = AuthorizationServer(ISSUER, **authorization_server)
    provider.clock = deployment.clock
    provider.join(internet)
    resource_server = ResourceServer(MCP_URL, [provider])
    resource_server.join(internet)
    return World(deployment, internet, provider, resource_server)


def callback_path(server_id: str) -> str:
    """The path that a browser sees for a server's callback."""
    return f"{urlsplit(PUBLIC_URL).path}{SERVERS}/{server_id}/oauth2/callback"


def connect_url(server_id: str) -> str:
    """Where a user connects to a server."""
    return f"{PUBLIC_URL}{SERVERS}/{server_id}/oauth2/connect"
