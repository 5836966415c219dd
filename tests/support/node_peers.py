"""Real servers that run on Node, each in its own process: `make setup-node` installs them."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import httpx

from infra.local.environments import node_modules
from tests.support.processes import running

_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class OIDCPeer:
    """oidc-provider, and the MCP server that takes its tokens; `peers/oidc_server.mjs`.

    Attributes:
        issuer: the authorization server.
        mcp_url: the MCP endpoint, at an origin of its own.
        control: what only tests may ask.
        resource_server: how the MCP server authenticates as a client.
    """

    issuer: str
    mcp_url: str
    control: str
    resource_server: Mapping[str, str]

    def advance(self, seconds: int) -> None:
        """Let time pass for both servers."""
        httpx.post(f"{self.control}/advance", params={"seconds": seconds}).raise_for_status()

    def publish(self, url: str, document: bytes) -> None:
        """Let the provider find a document at a URL that it could not reach."""
        where = f"{self.control}/documents/{quote(url, safe='')}"
        httpx.put(where, content=document).raise_for_status()

    def find_client(self, client_id: str) -> dict[str, Any] | None:
        """A client as it is registered now (RFC 7591 section 2)."""
        found: dict[str, Any] | None = self._tell(client_id)["metadata"]
        return found

    def refreshes(self, client_id: str) -> list[str]:
        """The outcome of each refresh that a client tried: `success` or `error`."""
        return [
            each["event"].removeprefix("grant.")
            for each in self._tell(client_id)["events"]
            if each.get("grant_type") == "refresh_token"
        ]

    def tokens(self, client_id: str, event: str) -> list[str]:
        """The tokens of a client that something happened to, such as `refresh_token.saved`."""
        events = self._tell(client_id)["events"]
        return [each["token"] for each in events if each["event"] == event]

    def is_active(self, token: str) -> bool:
        """What the provider tells the MCP server of a token (RFC 7662)."""
        client = self.resource_server
        answer = httpx.post(
            f"{self.issuer}/token/introspection",
            data={"token": token},
            auth=(client["client_id"], client["client_secret"]),
        ).raise_for_status()
        active: bool = answer.json()["active"]
        return active

    def use_refresh_token(self, client_id: str, refresh_token: str) -> httpx.Response:
        """Refresh as a client, with whatever token of it somebody has got hold of."""
        client = self.find_client(client_id)
        assert client
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "resource": self.mcp_url,
            "client_id": client_id,
            "client_secret": client["client_secret"],
        }
        return httpx.post(f"{self.issuer}/token", data=form)

    def _tell(self, client_id: str) -> dict[str, Any]:
        where = f"{self.control}/clients/{quote(client_id, safe='')}"
        told: dict[str, Any] = httpx.get(where).raise_for_status().json()
        return told


@contextmanager
def running_oidc_server(*flags: str) -> Iterator[OIDCPeer]:
    """Run `peers/oidc_server.mjs` with these flags."""
    with _running_node(_PEERS / "oidc_server.mjs", *flags) as line:
        yield OIDCPeer(**json.loads(line))


@contextmanager
def running_identity_provider(redirect_uri: str) -> Iterator[str]:
    """Run `peers/idp_server.mjs`; its issuer."""
    with _running_node(_PEERS / "idp_server.mjs", "--redirect-uri", redirect_uri) as issuer:
        yield issuer


@contextmanager
def running_everything(transport: Literal["streamableHttp", "sse"]) -> Iterator[str]:
    """Run the official server with every feature; the URL of its endpoint.

    It would listen on a fixed port of every interface, so `peers/loopback.mjs` comes before it.
    """
    program = node_modules() / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
    paths = {"streamableHttp": "/mcp", "sse": "/sse"}
    with _running_node("--import", _PEERS / "loopback.mjs", program, transport) as origin:
        yield f"{origin}{paths[transport]}"


@contextmanager
def _running_node(*arguments: str | Path) -> Iterator[str]:
    node = node_modules() / ".bin" / "node"
    if not node.exists():
        raise FileNotFoundError(f"{node} is missing: run `make setup-node`.")
    environment = {**os.environ, "CIBORIUM_NODE_MODULES": str(node_modules())}
    with running([node, *arguments], environment) as line:
        yield line
