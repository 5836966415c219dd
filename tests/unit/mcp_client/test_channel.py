import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from chalicelib.egress import (
    EgressConnectionError,
    EgressResponseError,
    EgressTimeoutError,
    deadline,
)
from chalicelib.mcp_client.errors import BrokenStreamError, MCPProtocolError, MCPServerError
from tests.unit.mcp_client.conftest import (
    ENDPOINT,
    Message,
    Reply,
    ScriptedServer,
    accepted,
    event,
    events,
    initialized,
    plain,
    raw_json,
    response,
    rpc_error,
    tool,
    tools,
)

PAGE: Message = {"tools": [tool()], "resultType": "complete"}


@pytest.mark.rule(59)
def test_the_answer_is_found_among_the_events_of_a_stream() -> None:
    stream = events(
        lambda message: [
            b": keep-alive\n\nid: 1\nretry: 10\ndata:\n\n",
            event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}),
            event({"jsonrpc": "2.0", "id": message["id"], "method": "ping"}),
            event({"jsonrpc": "2.0", "id": 999, "result": {"tools": "sentinel"}}),
            event(response(message, PAGE)),
        ]
    )
    assert len(ScriptedServer(stream).list_tools()) == 1


def test_a_stream_is_left_as_soon_as_the_answer_is_there() -> None:
    def build(message: Message) -> Any:
        yield event(response(message, PAGE))
        raise AssertionError("read on")

    assert len(ScriptedServer(events(build)).list_tools()) == 1


@pytest.mark.rule(59)
def test_an_error_in_a_stream_is_an_error() -> None:
    error = {"code": -32603, "message": "sentinel"}
    stream = events(
        lambda message: [event({"jsonrpc": "2.0", "id": message["id"], "error": error})]
    )
    server = ScriptedServer(plain(400), initialized(), accepted, stream)
    with pytest.raises(MCPServerError, match="JSON-RPC error -32603") as caught:
        server.list_tools()
    assert "sentinel" not in str(caught.value)


def break_off(message: Message) -> Any:
    yield b": hello\n\n"
    raise httpx.ReadError("sentinel")


@pytest.mark.rule(67)
@pytest.mark.parametrize("broken", [events(lambda _: [b"data: {"]), events(break_off)])
def test_a_broken_stream_is_asked_for_anew_with_a_new_id_once(broken: Reply) -> None:
    server = ScriptedServer(broken, tools(tool()))
    assert len(server.list_tools()) == 1
    assert len(server.ids) == 2
    with pytest.raises(BrokenStreamError, match="ended its stream before it answered"):
        ScriptedServer(broken, broken).list_tools()


@pytest.mark.rule(59)
def test_the_answer_may_be_in_a_batch() -> None:
    def reply(message: Message) -> httpx.Response:
        notification = {"jsonrpc": "2.0", "method": "notifications/message"}
        return httpx.Response(200, json=[notification, response(message, PAGE)])

    assert len(ScriptedServer(reply).list_tools()) == 1


def test_an_error_without_an_id_answers_our_request() -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32020, "message": "sentinel"}}
    with pytest.raises(MCPServerError, match="JSON-RPC error -32020"):
        ScriptedServer(lambda _: httpx.Response(400, json=error)).list_tools()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (plain(200), "is its URL an MCP endpoint"),
        (plain(204, ""), "is its URL an MCP endpoint"),
        (accepted, "is its URL an MCP endpoint"),
        (raw_json('{"jsonrpc":"2.0","id":ID,"result":{"x":-Infinity}}'), "malformed JSON"),
        (raw_json("<html>sentinel"), "malformed JSON"),
        (raw_json('{"jsonrpc":"2.0","id":ID,"result":{"tools":[],"x":NaN}}'), "malformed JSON"),
        (raw_json(b"\xff\xfe\xfd"), "malformed JSON"),
        (raw_json("[" * 100_000), "malformed JSON"),
        (events(lambda _: [b"data: sentinel\n\n"]), "malformed JSON"),
        (raw_json("null"), "does not answer the request"),
        (raw_json('{"jsonrpc":"2.0","id":2,"result":{}}'), "does not answer the request"),
        (raw_json('{"jsonrpc":"2.0","id":"ID","result":{}}'), "does not answer the request"),
        (raw_json('{"jsonrpc":"2.0","id":true,"result":{}}'), "does not answer the request"),
        (raw_json('{"jsonrpc":"2.0","id":ID}'), "neither result nor error"),
        (raw_json('{"jsonrpc":"2.0","id":ID,"result":[]}'), "neither result nor error"),
        (raw_json('{"jsonrpc":"2.0","id":ID,"error":"sentinel"}'), "neither result nor error"),
        (rpc_error("sentinel"), "an error without a code"),
        (rpc_error(None), "an error without a code"),
    ],
)
def test_what_is_not_mcp_is_told_without_quoting_it(reply: Reply, reason: str) -> None:
    with pytest.raises(MCPProtocolError, match=reason) as caught:
        ScriptedServer(reply).list_tools()
    assert caught.value.message.startswith("The MCP server at mcp.test ")
    assert "sentinel" not in caught.value.message
    assert caught.value.__cause__ is None


def test_an_error_page_that_calls_itself_json_is_an_error_of_the_server() -> None:
    with pytest.raises(MCPServerError, match="HTTP status 503"):
        ScriptedServer(plain(503, "<html>", Content_Type="application/json")).list_tools()


def test_all_requests_share_one_deadline_of_ten_seconds() -> None:
    server = ScriptedServer(plain(400), initialized(session=None), accepted, tools(tool()))
    server.list_tools()
    deadlines = {id(each.extensions["timeout"]["read"]) for each in server.requests}
    assert len(deadlines) == 1
    assert server.requests[0].extensions["timeout"]["read"] == 10


def test_nobody_is_told_farewell_once_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def answer_late(message: Message) -> httpx.Response:
        clock.now = 10.5
        return httpx.Response(200, json=response(message, PAGE))

    server = ScriptedServer(plain(400), initialized(), accepted, answer_late)
    with pytest.raises(EgressTimeoutError, match="did not answer within 10 seconds"):
        server.list_tools()
    assert "DELETE" not in server.story


def fail(error: Exception) -> Reply:
    def reply(message: Message) -> httpx.Response:
        raise error

    return reply


def test_failures_of_the_network_are_told_as_such() -> None:
    with pytest.raises(EgressConnectionError):
        ScriptedServer(fail(httpx.ConnectError("sentinel"))).list_tools()
    with pytest.raises(EgressTimeoutError):
        ScriptedServer(fail(httpx.ReadTimeout("sentinel"))).list_tools()


def test_a_flood_is_cut_off() -> None:
    flood = events(lambda _: (b"x" * 65536 for _ in range(1000)))
    with pytest.raises(EgressResponseError, match="sent more than 4194304 bytes"):
        ScriptedServer(flood).list_tools()


@pytest.mark.rule(43, 55)
def test_credentials_do_not_follow_a_redirect_to_another_origin() -> None:
    def redirect(message: Message) -> httpx.Response:
        return httpx.Response(307, headers={"Location": "https://elsewhere.test/mcp"})

    server = ScriptedServer(redirect)
    with pytest.raises(EgressResponseError, match="use its new URL"):
        server.list_tools()
    assert [str(each.url) for each in server.requests] == [ENDPOINT]


def test_a_redirect_within_the_origin_keeps_the_message() -> None:
    def redirect(message: Message) -> httpx.Response:
        return httpx.Response(307, headers={"Location": f"{ENDPOINT}/"})

    server = ScriptedServer(redirect, tools(tool()))
    assert len(server.list_tools()) == 1
    assert json.loads(server.requests[1].content)["method"] == "tools/list"
