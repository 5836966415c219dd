"""An MCP server without OAuth2 that remembers the headers of what it was sent."""

import json
from dataclasses import dataclass, field

import httpx

from tests.support.internet import FakeInternet

PLAIN_URL = "https://plain.example/mcp"


@dataclass
class PlainServer:
    """It speaks the stateless revision and offers one tool, `search`, to everybody."""

    seen: list[httpx.Headers] = field(default_factory=list)
    status: int = 200

    def join(self, internet: FakeInternet) -> "PlainServer":
        """Become reachable at `PLAIN_URL`."""
        internet.add_page(PLAIN_URL, self.handle)
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer as the server would."""
        self.seen.append(request.headers)
        if self.status != 200:
            return httpx.Response(self.status)
        message = json.loads(request.content)
        results: dict[str, dict[str, object]] = {
            "tools/list": {"tools": [{"name": "search", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": []},
        }
        result = {**results[message["method"]], "resultType": "complete"}
        body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return httpx.Response(200, json=body)

    def values_of(self, header: str) -> set[str | None]:
        """Every value with which a header came so far; None where it did not."""
        return {headers.get(header) for headers in self.seen}
