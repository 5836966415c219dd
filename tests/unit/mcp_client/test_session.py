import httpx
import pytest

from chalicelib.mcp_client.errors import (
    MCPAuthorizationError,
    MCPProtocolError,
    MCPServerError,
)
from chalicelib.mcp_client.session import Era, EraMemory
from chalicelib.version import VERSION
from tests.unit.mcp_client.conftest import (
    HEADERS,
    LEGACY,
    MODERN,
    Message,
    Reply,
    ScriptedServer,
    accepted,
    initialized,
    plain,
    result,
    rpc_error,
    tool,
    tools,
)

HANDSHAKE = ["initialize", "notifications/initialized"]
CLIENT_INFO = {"name": "ciborium", "title": "Ciborium", "version": VERSION}


def mcp_headers(request: httpx.Request) -> dict[str, str]:
    names = ("accept", "content-type", "authorization")
    return {
        name: value
        for name, value in request.headers.items()
        if name.startswith("mcp-") or name in names
    }


@pytest.mark.rule(42, 60, 62)
def test_a_modern_request_says_everything_in_its_headers_and_meta() -> None:
    server = ScriptedServer(tools(tool()))
    assert [each.name for each in server.list_tools()] == ["search"]
    assert server.messages == [
        {
            "jsonrpc": "2.0",
            "id": server.messages[0]["id"],
            "method": "tools/list",
            "params": {
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": MODERN,
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": CLIENT_INFO,
                }
            },
        }
    ]
    assert mcp_headers(server.requests[0]) == {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "authorization": HEADERS["Authorization"],
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/list",
    }


@pytest.mark.rule(42, 70)
def test_a_legacy_server_is_greeted_and_its_session_ended() -> None:
    server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()))
    assert [each.name for each in server.list_tools()] == ["search"]
    assert server.messages[1:] == [
        {
            "jsonrpc": "2.0",
            "id": server.messages[1]["id"],
            "method": "initialize",
            "params": {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT_INFO},
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": server.messages[3]["id"],
            "method": "tools/list",
            "params": {},
        },
    ]
    common = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "authorization": HEADERS["Authorization"],
    }
    session = {"mcp-protocol-version": LEGACY, "mcp-session-id": "session-1"}
    assert mcp_headers(server.requests[1]) == common
    assert mcp_headers(server.requests[2]) == {**common, **session}
    assert mcp_headers(server.requests[3]) == {**common, **session}
    farewell = server.requests[4]
    assert (farewell.method, farewell.headers["Authorization"]) == (
        "DELETE",
        HEADERS["Authorization"],
    )
    assert session.items() <= mcp_headers(farewell).items()


@pytest.mark.rule(68)
@pytest.mark.parametrize(
    "refusal",
    [
        plain(400),
        plain(404),
        plain(405),
        plain(406),
        plain(500),
        rpc_error(-32600),
        rpc_error(-32601, status=404),
        rpc_error(-32602, status=200),
        rpc_error(-32000),
        rpc_error(-32022, supported=["2025-11-25", "2025-06-18"]),
    ],
)
def test_an_error_that_is_not_of_the_modern_wire_leads_to_the_handshake(refusal: Reply) -> None:
    server = ScriptedServer(refusal, initialized(session=None), accepted, tools(tool()))
    assert len(server.list_tools()) == 1
    assert server.story == ["tools/list", *HANDSHAKE, "tools/list"]


@pytest.mark.rule(68)
@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (plain(429), "HTTP status 429"),
        (plain(502), "HTTP status 502"),
        (plain(503), "HTTP status 503"),
        (plain(504), "HTTP status 504"),
        (rpc_error(-32020), "JSON-RPC error -32020"),
        (rpc_error(-32021), "JSON-RPC error -32021"),
        (rpc_error(-32022, supported=["2099-01-01"]), "JSON-RPC error -32022"),
        (rpc_error(-32022, supported="all"), "JSON-RPC error -32022"),
    ],
)
def test_an_outage_or_a_modern_error_leads_nowhere_else(refusal: Reply, told: str) -> None:
    server = ScriptedServer(refusal)
    with pytest.raises(MCPServerError) as caught:
        server.list_tools()
    assert caught.value.message == f"The MCP server at mcp.test answered with {told}."


@pytest.mark.rule(61)
def test_a_version_that_the_server_asks_for_is_tried_once() -> None:
    refusal = rpc_error(-32022, supported=[MODERN])
    server = ScriptedServer(refusal, tools(tool()))
    assert len(server.list_tools()) == 1
    assert len(server.ids) == 2
    with pytest.raises(MCPServerError):
        ScriptedServer(refusal, refusal).list_tools()


@pytest.mark.rule(68)
@pytest.mark.parametrize("status", [400, 404, 405])
def test_when_no_wire_is_understood_the_first_error_is_told(status: int) -> None:
    server = ScriptedServer(plain(status), plain(500))
    with pytest.raises(MCPServerError, match=f"HTTP status {status}"):
        server.list_tools()
    assert server.story == ["tools/list", "initialize", "GET"]


def test_an_error_that_no_older_transport_sends_ends_the_search() -> None:
    server = ScriptedServer(plain(500), plain(404))
    with pytest.raises(MCPServerError, match="HTTP status 500"):
        server.list_tools()
    assert server.story == ["tools/list", "initialize"]


def test_an_error_after_the_handshake_is_told_and_the_session_ended() -> None:
    server = ScriptedServer(plain(400), initialized(), accepted, rpc_error(-32603, status=200))
    with pytest.raises(MCPServerError) as caught:
        server.list_tools()
    assert (caught.value.status, caught.value.rpc_code) == (200, -32603)
    assert "sentinel" not in str(caught.value)
    assert server.story[-1] == "DELETE"


@pytest.mark.rule(68)
def test_the_era_of_a_server_is_remembered() -> None:
    server = ScriptedServer(plain(400), initialized(), accepted, tools())
    server.list_tools()
    server.then(initialized(), accepted, tools()).list_tools()
    assert server.story[5:] == [*HANDSHAKE, "tools/list", "DELETE"]


@pytest.mark.rule(68)
def test_a_server_that_has_become_modern_is_found_out() -> None:
    server = ScriptedServer(plain(400), initialized(session=None), accepted, tools())
    server.list_tools()
    server.then(rpc_error(-32022, supported=[MODERN]), tools(tool())).list_tools()
    server.then(tools(tool())).list_tools()
    assert server.story[4:] == ["initialize", "tools/list", "tools/list"]


@pytest.mark.rule(68)
def test_a_server_that_has_become_legacy_is_found_out() -> None:
    server = ScriptedServer(tools())
    server.list_tools()
    server.then(plain(400), initialized(session=None), accepted, tools(tool()))
    assert len(server.list_tools()) == 1


@pytest.mark.rule(70)
def test_a_forgotten_session_is_begun_anew_once() -> None:
    server = ScriptedServer(plain(400), initialized(session="first"), accepted, plain(404))
    server.then(initialized(session="second"), accepted, tools(tool()))
    assert len(server.list_tools()) == 1
    assert "mcp-session-id" not in server.requests[4].headers
    assert [each.headers["mcp-session-id"] for each in server.requests[5:]] == ["second"] * 3
    server.then(initialized(), accepted, plain(404), initialized(), accepted, plain(404))
    with pytest.raises(MCPServerError, match="404"):
        server.list_tools()


def test_without_a_session_404_is_an_error() -> None:
    server = ScriptedServer(plain(400), initialized(session=None), accepted, plain(404))
    with pytest.raises(MCPServerError, match="404"):
        server.list_tools()


@pytest.mark.rule(70)
@pytest.mark.parametrize("version", ["2025-06-18", "2025-03-26", "2024-11-05"])
def test_an_older_version_that_the_server_chooses_is_spoken(version: str) -> None:
    server = ScriptedServer(plain(400), initialized(version), accepted, tools(tool()))
    assert len(server.list_tools()) == 1
    assert server.requests[3].headers["MCP-Protocol-Version"] == version


@pytest.mark.parametrize("version", ["2024-01-01", MODERN, "sentinel\r\n", None, 7])
def test_a_version_that_we_do_not_speak_is_a_protocol_error(version: str) -> None:
    server = ScriptedServer(plain(400), initialized(version))
    with pytest.raises(MCPProtocolError, match="speaks no protocol version that we speak"):
        server.list_tools()


def test_a_session_id_that_is_no_visible_ascii_is_a_protocol_error() -> None:
    with pytest.raises(MCPProtocolError, match="invalid session id"):
        ScriptedServer(plain(400), initialized(session="a b")).list_tools()


def test_a_farewell_that_fails_is_nobodys_concern() -> None:
    def break_off() -> httpx.Response:
        raise httpx.ReadError("sentinel")

    for farewell in (break_off, lambda: httpx.Response(405), lambda: httpx.Response(401)):
        server = ScriptedServer(plain(400), initialized(), accepted, tools(tool()))
        server.farewell = farewell
        assert len(server.list_tools()) == 1
        assert server.story[-1] == "DELETE"


@pytest.mark.rule(2)
@pytest.mark.parametrize(
    "before", [[], [plain(400)], [plain(400), initialized()], [plain(400), initialized(), accepted]]
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_the_credentials_is_told_with_its_challenge(
    before: list[Reply], status: int
) -> None:
    challenge = 'Bearer resource_metadata="https://mcp.test/meta", scope="a b"'
    server = ScriptedServer(*before, plain(status, WWW_Authenticate=challenge))
    with pytest.raises(MCPAuthorizationError) as caught:
        server.list_tools()
    assert caught.value.status == status
    assert caught.value.www_authenticate == (challenge,)
    assert caught.value.message == (
        f"The MCP server at mcp.test refused the credentials (HTTP status {status})."
    )


@pytest.mark.rule(2)
def test_every_challenge_is_kept() -> None:
    def refuse(message: Message) -> httpx.Response:
        challenges = [("WWW-Authenticate", 'Basic realm="x, y"'), ("WWW-Authenticate", "Bearer")]
        return httpx.Response(401, headers=challenges)

    with pytest.raises(MCPAuthorizationError) as caught:
        ScriptedServer(refuse).list_tools()
    assert caught.value.www_authenticate == ('Basic realm="x, y"', "Bearer")


def test_a_notification_that_is_refused_is_an_error() -> None:
    server = ScriptedServer(plain(400), initialized(), plain(500))
    with pytest.raises(MCPServerError, match="500"):
        server.list_tools()
    assert server.story[-1] == "DELETE"


@pytest.mark.rule(65, "trap:absent-result-type")
def test_a_result_without_a_type_is_complete_once_no_older_wire_is_understood() -> None:
    unmarked = result({"tools": [tool()]})
    server = ScriptedServer(unmarked, plain(405), unmarked)
    assert len(server.list_tools()) == 1
    assert len(server.list_tools()) == 1
    assert server.story == ["tools/list", "initialize", "tools/list"]


@pytest.mark.rule(68)
def test_a_lenient_older_server_that_answers_without_a_handshake_is_still_greeted() -> None:
    unmarked = result({"tools": [tool()]})
    server = ScriptedServer(unmarked, initialized(), accepted, unmarked)
    assert len(server.list_tools()) == 1
    assert server.story == ["tools/list", *HANDSHAKE, "tools/list", "DELETE"]


@pytest.mark.rule(65)
@pytest.mark.parametrize("kind", ["sentinel", None, 1])
def test_a_result_of_an_unknown_type_is_a_protocol_error(kind: object) -> None:
    with pytest.raises(MCPProtocolError, match="unknown type"):
        ScriptedServer(result({"tools": [], "resultType": kind})).list_tools()


def test_a_listing_may_not_ask_for_input() -> None:
    with pytest.raises(MCPProtocolError, match="list of tools that is none"):
        ScriptedServer(result({"resultType": "input_required", "requestState": "x"})).list_tools()


def test_the_memory_of_eras_is_bounded() -> None:
    memory = EraMemory()
    for number in range(513):
        memory.remember(f"https://{number}.test/", Era.MODERN)
    assert memory.find("https://0.test/") is None
    assert memory.find("https://1.test/") is Era.MODERN
