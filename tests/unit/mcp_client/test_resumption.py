"""Streams of older servers that break, and go on where they stopped."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chalicelib.mcp_client.errors import BrokenStreamError, MCPAuthorizationError
from tests.unit.mcp_client.conftest import (
    HEADERS,
    Message,
    ScriptedServer,
    accepted,
    event,
    events,
    initialized,
    plain,
    tool,
    tools,
)

TEXT = {"type": "text", "text": "42"}
PRIMING = b"id: first\nretry: 500\ndata:\n\n"
OTHER: Message = {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}


def legacy_server(stream: bytes = PRIMING) -> ScriptedServer:
    """An older server whose answer to a call is a stream that ends too early."""
    server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()))
    return server.then(events(lambda _: [stream]))


def stream(build: Callable[[], bytes], status: int = 200) -> Callable[[], httpx.Response]:
    """The answer to a GET."""
    return lambda: httpx.Response(
        status, content=build(), headers={"Content-Type": "text/event-stream"}
    )


def response(server: ScriptedServer) -> bytes:
    """The answer to the call, which was posted last."""
    call = next(each for each in server.messages if each.get("method") == "tools/call")
    return event({"jsonrpc": "2.0", "id": call["id"], "result": {"content": [TEXT]}})


@pytest.mark.parametrize("event_id", ["\U0001f600", "a\x01b"])
def test_a_stream_is_not_resumed_at_an_id_that_no_header_can_hold(event_id: str) -> None:
    server = legacy_server(f"id: {event_id}\ndata:\n\n".encode())
    with pytest.raises(BrokenStreamError):
        server.call_tool()
    assert "GET" not in server.story


@pytest.mark.rule(70)
def test_the_stream_is_resumed_after_the_time_that_the_server_asks_for() -> None:
    server = legacy_server()
    server.streams.append(stream(lambda: response(server)))
    assert server.call_tool().content == (TEXT,)
    assert server.pauses == [0.5]
    resumed = next(each for each in server.requests if each.method == "GET")
    assert resumed.headers["Last-Event-ID"] == "first"
    assert resumed.headers["Accept"] == "text/event-stream"
    assert resumed.headers["MCP-Session-Id"] == "session-1"
    assert resumed.headers["MCP-Protocol-Version"] == "2025-11-25"
    assert resumed.headers["Authorization"] == HEADERS["Authorization"]
    assert server.story.count("tools/call") == 1


@pytest.mark.rule(70)
def test_a_stream_that_breaks_again_is_resumed_at_its_last_event() -> None:
    server = legacy_server(b"id: 1\ndata:\n\n")
    more = b"id: 2\nretry: 20\ndata: " + event(OTHER).split(b"data: ")[1]
    server.streams += [stream(lambda: more), stream(lambda: response(server))]
    assert server.call_tool().content == (TEXT,)
    assert server.pauses == [1.0, 0.02]
    gets = [each for each in server.requests if each.method == "GET"]
    assert [each.headers["Last-Event-ID"] for each in gets] == ["1", "2"]


@pytest.mark.parametrize(
    ("first", "resumed"),
    [
        (b": no id\n\n", []),
        (PRIMING, []),
        (PRIMING, [stream(lambda: b"", status=404)]),
        (b"id: 1\nretry: 60000\ndata:\n\n", []),
        (PRIMING, [stream(lambda: b"")] * 10),
    ],
    ids=["nowhere to resume", "405", "404", "later than there is time", "again and again"],
)
def test_a_stream_that_cannot_be_resumed_is_broken(first: bytes, resumed: list[Any]) -> None:
    server = legacy_server(first)
    server.streams += resumed
    with pytest.raises(BrokenStreamError, match="ended its stream before it answered"):
        server.call_tool()
    assert len(server.pauses) <= 10
    assert server.story[-1] == "DELETE"


def test_a_resumption_that_wants_other_credentials_says_so() -> None:
    server = legacy_server()
    server.streams.append(lambda: httpx.Response(401, headers={"WWW-Authenticate": "Bearer"}))
    with pytest.raises(MCPAuthorizationError) as caught:
        server.call_tool()
    assert caught.value.www_authenticate == ("Bearer",)


@pytest.mark.rule(67)
def test_a_modern_stream_is_never_resumed() -> None:
    server = ScriptedServer(events(lambda _: [PRIMING]), tools(tool()))
    assert len(server.list_tools()) == 1
    assert server.story == ["tools/list", "tools/list"]
    assert server.pauses == []
