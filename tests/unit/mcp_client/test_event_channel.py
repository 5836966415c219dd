"""HTTP+SSE: one stream for all answers, and POSTs elsewhere."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from chalicelib.egress import Egress
from chalicelib.mcp_client.client import MCPClient, Target
from chalicelib.mcp_client.errors import (
    BrokenStreamError,
    MCPAuthorizationError,
    MCPProtocolError,
    MCPServerError,
)
from chalicelib.mcp_client.models import ToolCall
from chalicelib.sdk.mcp_servers import Transport
from tests.unit.mcp_client.conftest import HEADERS, Message, tool

ENDPOINT = "https://mcp.test/sse"
POSTS = "https://mcp.test/messages?session_id=1"
RESULTS: dict[str, Message] = {
    "initialize": {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}},
    "tools/list": {"tools": [tool()]},
    "tools/call": {"content": [{"type": "text", "text": "42"}]},
}


class EventServer:
    """Answers on its stream what is posted to the URL that the stream names first."""

    def __init__(self, endpoint: str = "/messages?session_id=1") -> None:
        self.requests: list[httpx.Request] = []
        self.first = f"event: endpoint\ndata: {endpoint}\n\n".encode()
        self.refuse: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.asks: Message | None = None
        self._posted: list[Message] = []
        self._client = MCPClient(Egress(transport=httpx.MockTransport(self._handle)), print)

    def list_tools(self, transport: str = "sse", url: str = ENDPOINT) -> list[str]:
        target = Target(url, HEADERS, Transport(transport))
        return [each.name for each in self._client.list_tools(target).tools]

    def call_tool(self) -> Any:
        target = Target(ENDPOINT, HEADERS, Transport.SSE)
        return self._client.call_tool(target, ToolCall(name="search", arguments={}), None)[0]

    @property
    def story(self) -> list[str]:
        return [f"{each.method} {each.url.path}" for each in self.requests]

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        refusal = self.refuse(request)
        if refusal is not None:
            return refusal
        if request.method == "GET":
            return httpx.Response(
                200, content=self._stream(), headers={"Content-Type": "text/event-stream"}
            )
        if str(request.url) != POSTS:
            return httpx.Response(405)
        self._posted.append(json.loads(request.content))
        return httpx.Response(202, text="Accepted")

    def _stream(self) -> Iterator[bytes]:
        """It is read in turn with the POSTs, so what it answers has been posted by then."""
        yield self.first
        while self._posted:
            message = self._posted.pop(0)
            if "id" not in message or "method" not in message:
                continue
            if self.asks:
                yield f"data: {json.dumps(self.asks)}\n\n".encode()
                self.asks = None
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": RESULTS[message["method"]]}
            yield f"event: message\r\ndata: {json.dumps(answer)}\r\n\r\n".encode()


@pytest.mark.rule(69)
def test_a_server_registered_as_sse_is_greeted_and_asked_over_its_stream() -> None:
    server = EventServer()
    assert server.list_tools() == ["search"]
    assert server.story == ["GET /sse", *["POST /messages"] * 3]
    assert all(each.headers["Authorization"] == "Bearer sentinel-token" for each in server.requests)
    assert server.requests[0].headers["Accept"] == "text/event-stream"
    methods = [json.loads(each.content)["method"] for each in server.requests[1:]]
    assert methods == ["initialize", "notifications/initialized", "tools/list"]


@pytest.mark.rule(69)
def test_tools_are_called_over_the_stream() -> None:
    server = EventServer()
    assert server.call_tool().content == ({"type": "text", "text": "42"},)
    assert [json.loads(each.content)["method"] for each in server.requests[1:]] == [
        "initialize",
        "notifications/initialized",
        "tools/call",
    ]


@pytest.mark.rule(69)
@pytest.mark.parametrize("status", [400, 404, 405])
def test_an_older_server_is_found_where_posts_are_refused_and_remembered(status: int) -> None:
    server = EventServer()
    server.refuse = lambda request: (
        httpx.Response(status) if request.method == "POST" and request.url.path == "/sse" else None
    )
    assert server.list_tools("streamable_http") == ["search"]
    assert server.story[:3] == ["POST /sse", "POST /sse", "GET /sse"]
    server.requests.clear()
    assert server.list_tools("streamable_http") == ["search"]
    assert server.story == ["GET /sse", *["POST /messages"] * 3]


def test_a_remembered_older_server_that_has_moved_on_is_found_out() -> None:
    server = EventServer()
    posts_are_refused = True

    def refuse(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/sse":
            return None
        if posts_are_refused:
            return httpx.Response(405) if request.method == "POST" else None
        if request.method == "GET":
            return httpx.Response(405)
        message = json.loads(request.content)
        result = {"tools": [tool("modern")], "resultType": "complete"}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": result})

    server.refuse = refuse
    assert server.list_tools("streamable_http") == ["search"]
    posts_are_refused = False
    assert server.list_tools("streamable_http") == ["modern"]


@pytest.mark.rule(38, 43)
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.test/messages",
        "//evil.test/messages",
        "http://mcp.test/messages",
        "https://mcp.test:8443/messages",
        "https://mcp.test@evil.test/",
    ],
)
def test_messages_and_credentials_go_to_no_other_origin(endpoint: str) -> None:
    server = EventServer(endpoint)
    with pytest.raises(MCPProtocolError, match="another origin"):
        server.list_tools()
    assert server.story == ["GET /sse"]


def test_the_servers_own_requests_are_answered_at_its_endpoint() -> None:
    server = EventServer()
    server.asks = {"jsonrpc": "2.0", "id": "p", "method": "ping"}
    assert server.list_tools() == ["search"]
    posted = [json.loads(each.content) for each in server.requests[1:]]
    assert {"jsonrpc": "2.0", "id": "p", "result": {}} in posted


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (httpx.Response(404), MCPServerError, "HTTP status 404"),
        (httpx.Response(200, text="sentinel"), MCPProtocolError, "is it HTTP\\+SSE"),
        (
            httpx.Response(200, text="data: {}\n\n", headers={"Content-Type": "text/event-stream"}),
            MCPProtocolError,
            "did not begin its stream",
        ),
        (
            httpx.Response(200, text="", headers={"Content-Type": "text/event-stream"}),
            BrokenStreamError,
            "ended its stream",
        ),
        (httpx.Response(401), MCPAuthorizationError, "refused the credentials"),
    ],
    ids=["no such page", "no stream", "no endpoint", "nothing", "401"],
)
def test_what_is_not_http_sse_is_told(
    answer: httpx.Response, error: type[Exception], reason: str
) -> None:
    server = EventServer()
    server.refuse = lambda _: answer
    with pytest.raises(error, match=reason):
        server.list_tools()


@pytest.mark.parametrize(("status", "error"), [(401, MCPAuthorizationError), (500, MCPServerError)])
def test_a_message_that_is_refused_says_so(status: int, error: type[Exception]) -> None:
    server = EventServer()
    server.refuse = lambda request: httpx.Response(status) if request.method == "POST" else None
    with pytest.raises(error):
        server.list_tools()
