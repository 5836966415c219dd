"""An MCP server without OAuth2 that remembers the headers of what it was sent."""

import json
from dataclasses import dataclass, field

import httpx

from tests.support.internet import FakeInternet
from tests.support.loopback import Connection, answer

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

    def respond(self, connection: Connection, request: bytes) -> None:
        """Answer on a real connection."""
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        found = self.handle(
            httpx.Request("POST", PLAIN_URL, headers=[(n, v) for n, v in lines], content=body)
        )
        connection.send(answer(body=found.content, Content_Type="application/json"))

    def values_of(self, header: str) -> set[str | None]:
        """Every value with which a header came so far; None where it did not."""
        return {headers.get(header) for headers in self.seen}
