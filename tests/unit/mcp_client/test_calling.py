"""Calling tools: what is sent on each wire, and what comes back."""

import base64
import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.mcp_client.errors import (
    BrokenStreamError,
    MCPProtocolError,
    MCPServerError,
    ToolNotFoundError,
)
from chalicelib.mcp_client.models import ToolListing
from tests.unit.mcp_client.conftest import (
    LEGACY,
    MODERN,
    Message,
    Reply,
    ScriptedServer,
    accepted,
    event,
    events,
    initialized,
    plain,
    result,
    rpc_error,
    tool,
    tools,
)

CALL_ID = "io.github.ciborium/tool_call_id"
TEXT = {"type": "text", "text": "42"}


def answer(**fields: Any) -> Reply:
    return result({"content": [TEXT], "resultType": "complete", **fields})


def header_schema(**types: str) -> Message:
    """A schema that mirrors each property to a header of its name."""
    properties = {name: {"type": kind, "x-mcp-header": name} for name, kind in types.items()}
    return {"type": "object", "properties": properties}


@pytest.mark.rule(60, 62)
def test_a_modern_call_says_everything_in_its_headers_and_meta() -> None:
    server = ScriptedServer(tools(tool()), answer())
    assert server.call_tool("search", {"q": "x"}).content == (TEXT,)
    listing, call = server.messages
    assert call["method"] == "tools/call"
    assert call["params"]["name"] == "search"
    assert call["params"]["arguments"] == {"q": "x"}
    assert call["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN
    assert call["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] == {}
    assert call["params"]["_meta"][CALL_ID]
    assert call["id"] != listing["id"]
    headers = server.requests[1].headers
    assert headers["Mcp-Method"] == "tools/call"
    assert headers["Mcp-Name"] == "search"
    assert headers["MCP-Protocol-Version"] == MODERN


@pytest.mark.rule(70)
def test_a_legacy_call_needs_no_list_once_the_era_is_known() -> None:
    server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()))
    server.list_tools()
    server.then(initialized(), accepted, answer(structuredContent={"n": 42}))
    called = server.call_tool("search", {"q": "x"})
    assert called.structured_content == {"n": 42}
    assert server.story[5:] == ["initialize", "notifications/initialized", "tools/call", "DELETE"]
    request = next(each for each in server.requests if b"tools/call" in each.content)
    assert request.headers["MCP-Protocol-Version"] == LEGACY
    assert not [name for name in request.headers if name in {"mcp-method", "mcp-name"}]


@pytest.mark.rule(62)
@pytest.mark.parametrize("name", ["größe", " padded ", "=?base64?eA==?=", "new\nline"])
def test_a_name_that_no_header_can_hold_is_encoded(name: str) -> None:
    server = ScriptedServer(tools(tool(name)), answer())
    server.call_tool(name)
    sent = server.requests[1].headers["Mcp-Name"]
    assert sent.startswith("=?base64?")
    assert base64.b64decode(sent[9:-2]).decode() == name


@pytest.mark.rule(63)
def test_annotated_arguments_are_mirrored_to_headers() -> None:
    schema = header_schema(
        Region="string", Count="integer", Whole="integer", Dry="boolean", Absent="string"
    )
    schema["properties"]["Null"] = {"type": "string", "x-mcp-header": "Null"}
    schema["properties"]["plain"] = {"type": "string"}
    schema["properties"]["nested"] = header_schema(Inner="string")
    server = ScriptedServer(tools(tool(inputSchema=schema)), answer())
    arguments = {
        "Region": "Hello, 世界",
        "Count": -7,
        "Whole": 42.0,
        "Dry": False,
        "Null": None,
        "plain": "x",
        "nested": {"Inner": "deep"},
    }
    server.call_tool("search", arguments)
    request = server.requests[1]
    mirrored = {
        name: value for name, value in request.headers.items() if name.startswith("mcp-param-")
    }
    assert mirrored == {
        "mcp-param-region": "=?base64?SGVsbG8sIOS4lueVjA==?=",
        "mcp-param-count": "-7",
        "mcp-param-whole": "42",
        "mcp-param-dry": "false",
        "mcp-param-inner": "deep",
    }
    assert server.messages[1]["params"]["arguments"] == arguments


@pytest.mark.rule(64)
def test_after_a_header_mismatch_the_tools_are_listed_anew_and_the_call_repeated_once() -> None:
    known = ToolListing(
        tools=ScriptedServer(tools(tool())).list_tools(), lifetime=timedelta(hours=1)
    )
    changed = tools(tool(inputSchema=header_schema(q="string")))
    server = ScriptedServer(tools(tool()))
    server.list_tools()
    server.then(rpc_error(-32020), changed, answer())
    server.call_tool("search", {"q": "x"}, known=known)
    assert server.story[1:] == ["tools/call", "tools/list", "tools/call"]
    assert server.requests[-1].headers["Mcp-Param-q"] == "x"
    server.then(rpc_error(-32020), changed, rpc_error(-32020))
    with pytest.raises(MCPServerError, match="-32020"):
        server.call_tool("search", {"q": "x"}, known=known)


@pytest.mark.rule(68)
def test_a_call_is_sent_on_one_wire_only() -> None:
    """What was executed and failed is not sent again in another form."""
    server = ScriptedServer(tools(tool()), rpc_error(-32602, status=200))
    with pytest.raises(MCPServerError, match="-32602"):
        server.call_tool()
    assert server.story == ["tools/list", "tools/call"]


@pytest.mark.rule(68)
def test_a_server_that_has_become_legacy_is_found_out_before_the_call_is_repeated() -> None:
    server = ScriptedServer(tools(tool()))
    server.list_tools()
    known = ToolListing(tools=server.then(tools(tool())).list_tools())
    server.then(plain(400), plain(400), initialized(session=None), accepted, tools(tool()))
    server.then(answer())
    assert server.call_tool(known=known).content == (TEXT,)
    assert server.story[2:] == [
        "tools/call",
        "tools/list",
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
    ]


@pytest.mark.rule(67)
def test_a_modern_call_whose_stream_breaks_is_sent_anew_with_a_new_id_and_the_same_call_id() -> (
    None
):
    broken = events(lambda _: [b"id: 1\nretry: 10\ndata:\n\n"])
    server = ScriptedServer(tools(tool()), broken, answer())
    assert server.call_tool().content == (TEXT,)
    assert server.story == ["tools/list", "tools/call", "tools/call"]
    assert len(server.ids) == 3
    first, second = server.messages[1:]
    assert first["params"] == second["params"]
    with pytest.raises(BrokenStreamError):
        ScriptedServer(tools(tool()), broken, broken).call_tool()


def test_a_legacy_call_whose_stream_breaks_for_good_is_not_repeated() -> None:
    """The tool may have run."""
    server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()))
    with pytest.raises(BrokenStreamError):
        server.then(events(lambda _: [b": hello\n\n"])).call_tool()
    assert server.story.count("tools/call") == 1


def test_an_unknown_tool_is_not_called() -> None:
    server = ScriptedServer(tools(tool("other")))
    with pytest.raises(ToolNotFoundError, match="no tool named 'search'"):
        server.call_tool()
    assert server.story == ["tools/list"]


def test_a_tool_that_failed_has_an_answer() -> None:
    assert ScriptedServer(tools(tool()), answer(isError=True)).call_tool().is_error


@pytest.mark.parametrize("content", ["sentinel", ["sentinel"], {}, None])
def test_a_malformed_result_is_a_protocol_error(content: object) -> None:
    with pytest.raises(MCPProtocolError, match="without content") as caught:
        ScriptedServer(tools(tool()), answer(content=content)).call_tool()
    assert "sentinel" not in caught.value.message


def test_a_result_that_nests_beyond_reason_is_refused_and_half_characters_replaced() -> None:
    deep: Any = "x"
    for _ in range(70):
        deep = [deep]
    with pytest.raises(MCPProtocolError, match="beyond reason"):
        ScriptedServer(tools(tool()), answer(structuredContent=deep)).call_tool()
    half = [{"type": "text", "text": "a\ud800b"}]
    called = ScriptedServer(tools(tool()), answer(content=half)).call_tool()
    assert called.content == ({"type": "text", "text": "a?b"},)


FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "Jane"},
        "age": {"type": "integer", "default": 0},
        "note": {"type": "string"},
    },
}


def ask(*, state: str | None = None, schema: Message | None = FORM, mode: str = "form") -> Reply:
    """A result that asks the user to fill in a form."""
    params = {"mode": mode, "message": "?", "requestedSchema": schema}
    question = {"method": "elicitation/create", "params": params}
    fields: Message = {"resultType": "input_required", "inputRequests": {"q1": question}}
    return result(fields if state is None else {**fields, "requestState": state})


@pytest.mark.rule(66)
def test_questions_are_handed_to_a_caller_who_wants_them_with_the_state_untouched() -> None:
    state = 'opaque "ü" \\u0041 =='
    server = ScriptedServer(tools(tool()), ask(state=state))
    asked = server.call_tool(elicitation="ask")
    assert not asked.is_complete
    assert asked.request_state == state
    assert asked.input_requests is not None
    assert asked.input_requests["q1"]["params"]["requestedSchema"] == FORM
    capabilities = server.messages[1]["params"]["_meta"][
        "io.modelcontextprotocol/clientCapabilities"
    ]
    assert capabilities == {"elicitation": {"form": {}, "url": {}}}
    responses = {"q1": {"action": "accept", "content": {"name": "Eve"}}}
    server.then(tools(tool()), answer()).call_tool(
        elicitation="ask", input_responses=responses, request_state=asked.request_state
    )
    retry = server.messages[-1]
    assert retry["params"]["inputResponses"] == responses
    assert retry["params"]["requestState"] == state
    assert len(server.ids) == 4


@pytest.mark.rule(66)
def test_a_round_without_a_state_sends_none_back() -> None:
    server = ScriptedServer(tools(tool()), ask(), answer())
    server.call_tool(elicitation="accept_defaults")
    retry = server.messages[-1]["params"]
    assert "requestState" not in retry
    assert retry["inputResponses"] == {
        "q1": {"action": "accept", "content": {"name": "Jane", "age": 0}}
    }
    assert retry["arguments"] == server.messages[1]["params"]["arguments"]


@pytest.mark.parametrize(
    "form",
    [
        {"schema": {**FORM, "required": ["note"]}},
        {"schema": {**FORM, "required": [[]]}},
        {"mode": "url"},
        {"schema": None},
    ],
    ids=["a field without a default", "a field without a name", "a web page", "no form"],
)
def test_what_defaults_cannot_answer_is_declined(form: Any) -> None:
    server = ScriptedServer(tools(tool()), ask(**form), answer())
    server.call_tool(elicitation="accept_defaults")
    assert server.messages[-1]["params"]["inputResponses"] == {"q1": {"action": "decline"}}


def test_a_server_that_only_wants_a_repetition_gets_it_without_asking_anybody() -> None:
    wait = result({"resultType": "input_required", "requestState": "later"})
    server = ScriptedServer(tools(tool()), wait, answer())
    assert server.call_tool().content == (TEXT,)
    assert server.messages[-1]["params"]["requestState"] == "later"
    assert "inputResponses" not in server.messages[-1]["params"]


@pytest.mark.parametrize(
    ("reply", "elicitation", "reason"),
    [
        (ask(), "none", "nobody here can give"),
        (
            result(
                {
                    "resultType": "input_required",
                    "inputRequests": {"s": {"method": "sampling/createMessage", "params": {}}},
                }
            ),
            "accept_defaults",
            "nobody here can give",
        ),
        (result({"resultType": "input_required"}), "ask", "without saying which"),
        (
            result({"resultType": "input_required", "requestState": 7}),
            "ask",
            "without saying which",
        ),
        (
            result({"resultType": "input_required", "requestState": "\ud800"}),
            "ask",
            "without saying which",
        ),
    ],
    ids=["undeclared", "sampling", "nothing asked", "a state that is no text", "half a character"],
)
def test_questions_that_break_the_rules_are_a_protocol_error(
    reply: Reply, elicitation: str, reason: str
) -> None:
    with pytest.raises(MCPProtocolError, match=reason):
        ScriptedServer(tools(tool()), reply).call_tool(elicitation=elicitation)


def test_a_server_that_never_stops_asking_is_left() -> None:
    server = ScriptedServer(tools(tool()), *[ask(state="x")] * 5)
    with pytest.raises(MCPProtocolError, match="more than 5 times"):
        server.call_tool(elicitation="accept_defaults")


def test_the_questions_of_an_older_server_are_answered_on_its_stream() -> None:
    def stream(message: Message) -> Any:
        params = {"message": "?", "requestedSchema": FORM}
        question = {
            "jsonrpc": "2.0",
            "id": "s-1",
            "method": "elicitation/create",
            "params": params,
        }
        yield event(question)
        yield event({"jsonrpc": "2.0", "id": "s-2", "method": "ping"})
        yield event({"jsonrpc": "2.0", "id": "s-3", "method": "roots/list"})
        yield event({"jsonrpc": "2.0", "id": message["id"], "result": {"content": [TEXT]}})

    server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()), events(stream))
    server.then(accepted, accepted, accepted)
    assert server.call_tool(elicitation="accept_defaults").content == (TEXT,)
    assert server.messages[1]["params"]["capabilities"] == {"elicitation": {"form": {}}}
    assert server.messages[5:] == [
        {
            "jsonrpc": "2.0",
            "id": "s-1",
            "result": {"action": "accept", "content": {"name": "Jane", "age": 0}},
        },
        {"jsonrpc": "2.0", "id": "s-2", "result": {}},
        {
            "jsonrpc": "2.0",
            "id": "s-3",
            "error": {"code": -32601, "message": "Method not found"},
        },
    ]
    assert all(each.headers["MCP-Session-Id"] == "session-1" for each in server.requests[-4:-1])


def test_a_server_that_answers_a_listener_only_with_its_first_event_is_not_waited_for() -> None:
    called = threading.Event()

    def stream() -> httpx.Response:
        called.wait(30)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"})

    def reply(message: Message) -> httpx.Response:
        called.set()
        return answer()(message)

    server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()), reply)
    server.streams.append(stream)
    assert server.call_tool(elicitation="accept_defaults").content == (TEXT,)
    assert called.is_set()


def test_questions_that_come_outside_of_the_calls_stream_are_heard() -> None:
    question = {
        "jsonrpc": "2.0",
        "id": 9,
        "method": "elicitation/create",
        "params": {"message": "?", "requestedSchema": FORM},
    }
    server = ScriptedServer(plain(400), initialized(), accepted)
    server.streams.append(
        lambda: httpx.Response(
            200, content=event(question), headers={"Content-Type": "text/event-stream"}
        )
    )
    heard: list[Message] = []

    def hear(message: Message) -> httpx.Response:
        heard.append(message)
        return httpx.Response(202)

    server.route = lambda message: hear if "method" not in message else None
    server.then(tools(tool()), answer()).call_tool(elicitation="accept_defaults")
    assert [each["id"] for each in heard] == [9]
    listening = next(each for each in server.requests if each.method == "GET")
    assert listening.headers["MCP-Session-Id"] == "session-1"
    assert "Last-Event-ID" not in listening.headers
