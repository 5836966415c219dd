"""An MCP server in this process that lists its tools to whoever has a good token."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.authorization_server import AuthorizationServer
from tests.support.internet import FakeInternet, json_reply

PATH_INSERTED = "/.well-known/oauth-protected-resource{path}"
ROOT = "/.well-known/oauth-protected-resource"

_MODERN = "2026-07-28"
_LEGACY = "2025-11-25"
_SESSION = "session-1"


@dataclass
class ResourceServer:
    """A protected MCP server, on one or both of the protocol's wires.

    Attributes:
        url: its MCP endpoint.
        servers: the authorization servers whose tokens it takes.
        places: where its metadata is published; `{path}` stands for the endpoint's path.
        challenges: whether a 401 names the metadata's place in `WWW-Authenticate`.
        challenge_scope: the scope that a 401 asks for.
        resource: what it calls itself, if not by its URL.
        metadata_changes: members to replace in its metadata; None removes one.
        needed_scopes: what a method needs beyond a good token, by the method.
        is_modern: whether it speaks the stateless revision; the older one it always speaks.
        list_fields: what a list of tools says beside them, such as how long it is fresh.
    """

    url: str
    servers: Sequence[AuthorizationServer]
    places: tuple[str, ...] = (PATH_INSERTED,)
    challenges: bool = True
    challenge_scope: str = ""
    resource: str = ""
    metadata_changes: dict[str, Any] = field(default_factory=dict)
    needed_scopes: dict[str, str] = field(default_factory=dict)
    is_modern: bool = True
    list_fields: dict[str, Any] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"name": name, "description": f"The tool {name}.", "inputSchema": {"type": "object"}}
            for name in ("search", "create_issue", "delete_issue")
        ]
    )

    def join(self, internet: FakeInternet) -> "ResourceServer":
        """Become reachable at the URL's origin."""
        internet.add_host(self._origin, self.handle)
        return self

    @property
    def metadata_url(self) -> str:
        """The first place of its metadata."""
        return f"{self._origin}{self.places[0].format(path=urlsplit(self.url).path)}"

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata document (RFC 9728)."""
        document: dict[str, Any] = {
            "resource": self.resource or self.url,
            "authorization_servers": [server.issuer for server in self.servers],
            "scopes_supported": ["read", "write"],
        }
        changed = {**document, **self.metadata_changes}
        return {name: value for name, value in changed.items() if value is not None}

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer as the server would."""
        own = urlsplit(self.url).path
        if request.method == "GET":
            places = {place.format(path=own) for place in self.places}
            found = request.url.path in places
            return json_reply(200, self.metadata) if found else httpx.Response(404)
        if request.url.path != own:
            return httpx.Response(404)
        if not self._is_authorized(request):
            return httpx.Response(401, headers=self._challenge())
        if request.method == "DELETE":
            return httpx.Response(200)
        message = json.loads(request.content)
        needed = self.needed_scopes.get(message["method"], "")
        if not any(each.grants(_token_of(request), needed) for each in self.servers):
            error = f'error="insufficient_scope", scope="{needed}"'
            challenge = f'Bearer {error}, resource_metadata="{self.metadata_url}"'
            return httpx.Response(403, headers={"WWW-Authenticate": challenge})
        return self._answer(request, message)

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _is_authorized(self, request: httpx.Request) -> bool:
        token, resource = _token_of(request), self.resource or self.url
        return any(each.accepts(token, resource) for each in self.servers)

    def _challenge(self) -> dict[str, str]:
        if not self.challenges:
            return {}
        parameters = [f'resource_metadata="{self.metadata_url}"'] if self.places else []
        if self.challenge_scope:
            parameters.append(f'scope="{self.challenge_scope}"')
        return {"WWW-Authenticate": f"Bearer {', '.join(parameters)}".strip()}

    def _answer(self, request: httpx.Request, message: dict[str, Any]) -> httpx.Response:
        if request.headers.get("MCP-Protocol-Version") == _MODERN:
            return self._answer_modern(request, message)
        method = message["method"]
        if method == "initialize":
            result = {
                "protocolVersion": _LEGACY,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "resource-server", "version": "1"},
            }
            return _result(message, result, **{"MCP-Session-Id": _SESSION})
        if request.headers.get("MCP-Session-Id") != _SESSION:
            return httpx.Response(400)
        if method == "notifications/initialized":
            return httpx.Response(202)
        return self._answer_method(message, {})

    def _answer_modern(self, request: httpx.Request, message: dict[str, Any]) -> httpx.Response:
        if not self.is_modern or request.headers.get("Mcp-Method") != message["method"]:
            return httpx.Response(400)
        return self._answer_method(message, {"resultType": "complete"})

    def _answer_method(self, message: dict[str, Any], extra: dict[str, Any]) -> httpx.Response:
        if message["method"] == "tools/list":
            return _result(message, {"tools": self.tools, **extra, **self.list_fields})
        if message["method"] == "tools/call":
            text = json.dumps(message["params"]["arguments"])
            return _result(message, {"content": [{"type": "text", "text": text}], **extra})
        error = {"code": -32601, "message": "Method not found"}
        return json_reply(404, {"jsonrpc": "2.0", "id": message.get("id"), "error": error})


def _token_of(request: httpx.Request) -> str:
    scheme, _, token = str(request.headers.get("Authorization", "")).partition(" ")
    return token if scheme == "Bearer" else ""


def _result(message: dict[str, Any], result: dict[str, Any], **headers: str) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
    return json_reply(200, body, **{"Content-Type": "application/json", **headers})
