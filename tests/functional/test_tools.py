"""Listing a server's tools through one's own connection."""

import json

import httpx
import pytest

from tests.support.deployment import error_of
from tests.support.journey import MCP_URL, World
from tests.support.servers import NOWHERE, SERVERS, create_server

TOOLS = ["create_issue", "delete_issue", "search"]


def tools_of(response: httpx.Response) -> dict[str, bool]:
    return {tool["name"]: tool["allowed"] for tool in response.raise_for_status().json()["tools"]}


def authorizations(world: World) -> set[str]:
    requests = [each for each in world.internet.requests if str(each.url) == MCP_URL]
    return {each.headers.get("Authorization", "") for each in requests}


@pytest.mark.rule(42)
@pytest.mark.parametrize("is_modern", [True, False], ids=["2026-07-28", "2025-11-25"])
def test_a_connected_user_sees_the_tools_on_either_wire(world: World, is_modern: bool) -> None:
    world.resource_server.is_modern = is_modern
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
        world.internet.requests.clear()
        response = browser.get(f"{SERVERS}/{server_id}/tools")
    assert tools_of(response) == dict.fromkeys(TOOLS, True)
    assert response.json()["tools"][0] == {
        "name": "create_issue",
        "title": "create_issue",
        "description": "The tool create_issue.",
        "input_schema": {"type": "object"},
        "annotations": {},
        "allowed": True,
        "rule": "allow",
    }
    token = next(
        text for text, each in world.authorization_server.tokens.items() if each.kind == "access"
    )
    assert authorizations(world) == {f"Bearer {token}"}


@pytest.mark.parametrize(
    ("allow", "deny", "allowed"),
    [
        ([], [], TOOLS),
        (["search"], [], ["search"]),
        ([], ["delete_issue"], ["create_issue", "search"]),
        (["search", "delete_issue"], ["delete_issue"], ["search"]),
        (["Search"], [], []),
    ],
    ids=["no lists", "allowed", "denied", "deny wins", "exact names"],
)
def test_the_admins_lists_decide(
    world: World, allow: list[str], deny: list[str], allowed: list[str]
) -> None:
    server_id = world.register(tool_allow_list=allow, tool_deny_list=deny)["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
        tools = tools_of(browser.get(f"{SERVERS}/{server_id}/tools"))
    assert [name for name, is_allowed in tools.items() if is_allowed] == allowed
    assert list(tools) == TOOLS


@pytest.mark.rule(43, "trap:isolation")
def test_each_user_uses_their_own_connection_and_nobody_elses(world: World) -> None:
    server_id = world.register()["id"]
    mara = world.deployment.new_member("mara")
    with world.browser() as browser:
        world.connect(browser, server_id)
    refused = mara.get(f"{SERVERS}/{server_id}/tools")
    assert error_of(refused) == (409, "connect_required")
    connect_url = refused.json()["connect_url"]
    assert connect_url.endswith(f"/prod{SERVERS}/{server_id}/oauth2/connect")
    token = mara.headers["Authorization"].removeprefix("Bearer ")
    with world.browser(token) as browser:
        world.connect(browser, server_id)
    world.internet.requests.clear()
    assert list(tools_of(mara.get(f"{SERVERS}/{server_id}/tools"))) == TOOLS
    assert len(authorizations(world)) == 1


@pytest.mark.rule("trap:lazy-authorization")
def test_a_token_that_the_server_no_longer_takes_means_connect_again(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
        world.authorization_server.tokens.clear()
        refused = browser.get(f"{SERVERS}/{server_id}/tools")
    assert error_of(refused) == (409, "connect_required")


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (
            {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "sentinel"},
            "X-Key",
            "sentinel",
        ),
        ({"auth_type": "custom_headers", "custom_headers": {"X-Team": "blue"}}, "X-Team", "blue"),
        ({"auth_type": "none"}, "Authorization", None),
    ],
    ids=["api_key", "custom_headers", "none"],
)
def test_other_auth_types_send_what_the_admin_entered(
    world: World, auth: dict[str, object], header: str, value: str | None
) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get(header))
        result = {"tools": [], "resultType": "complete"}
        body = {"jsonrpc": "2.0", "id": json.loads(request.content)["id"], "result": result}
        return httpx.Response(200, json=body)

    world.internet.add_page("https://plain.example/mcp", answer)
    with world.deployment.admin as admin:
        created = create_server(admin, url="https://plain.example/mcp", **auth)
        response = admin.get(f"{SERVERS}/{created['id']}/tools")
    assert response.json() == {"tools": []}
    assert set(seen) == {value}


FAULTS = {
    "HTML": (httpx.Response(200, text="<html>upstream-text"), (502, "mcp_protocol_error")),
    "an error": (httpx.Response(500, text="upstream-text"), (502, "mcp_server_error")),
    "a redirect to a private address": (
        httpx.Response(307, headers={"Location": "https://10.0.0.1/"}),
        (502, "upstream_bad_response"),
    ),
    "50 MB": (
        httpx.Response(
            200, content=b"x" * 50_000_000, headers={"Content-Type": "application/json"}
        ),
        (502, "upstream_bad_response"),
    ),
    "other credentials wanted": (httpx.Response(401), (502, "mcp_authorization_failed")),
}


@pytest.mark.rule(52, 55)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_misbehaves_is_described_to_an_admin_and_not_quoted(
    world: World, fault: str
) -> None:
    answer, expected = FAULTS[fault]
    world.internet.add_page("https://plain.example/mcp", answer)
    with world.deployment.admin as admin:
        created = create_server(admin, url="https://plain.example/mcp", enabled=True)
        refused = admin.get(f"{SERVERS}/{created['id']}/tools")
    assert error_of(refused) == expected
    assert "plain.example" in refused.json()["message"]
    assert "upstream-text" not in refused.text


@pytest.mark.parametrize("fault", FAULTS)
def test_a_member_does_not_learn_from_an_error_where_the_server_is(
    world: World, fault: str
) -> None:
    world.internet.add_page("https://plain.example/mcp", FAULTS[fault][0])
    with world.deployment.admin as admin, world.deployment.new_member() as mara:
        created = create_server(admin, url="https://plain.example/mcp", enabled=True)
        refused = mara.get(f"{SERVERS}/{created['id']}/tools")
    assert error_of(refused) == (502, "mcp_tools_unavailable")
    assert "example" not in refused.text


def test_a_server_that_hangs_is_504(world: World) -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    world.internet.add_page("https://plain.example/mcp", hang)
    with world.deployment.admin as admin:
        created = create_server(admin, url="https://plain.example/mcp")
        refused = admin.get(f"{SERVERS}/{created['id']}/tools")
    assert error_of(refused) == (504, "upstream_timeout")


def test_an_admin_tests_a_disabled_server_and_a_member_does_not_see_it(world: World) -> None:
    with world.deployment.admin as admin, world.deployment.new_member() as mara:
        created = create_server(admin, url="https://plain.example/mcp")
        assert error_of(admin.get(f"{SERVERS}/{created['id']}/tools"))[0] == 502
        for server_id in (created["id"], NOWHERE):
            refused = mara.get(f"{SERVERS}/{server_id}/tools")
            assert error_of(refused) == (404, "mcp_server_not_found")


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object"}
    for _ in range(depth):
        schema = {"properties": schema}
    return schema


def test_a_tool_that_is_nested_beyond_reason_does_not_cost_the_others(world: World) -> None:
    world.resource_server.tools = [
        {"name": f"deep-{depth}", "inputSchema": nested(depth)} for depth in (10, 300, 900)
    ]
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
        assert list(tools_of(browser.get(f"{SERVERS}/{server_id}/tools"))) == ["deep-10"]


def test_a_listing_is_bounded_over_all_its_pages(world: World) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)
        page = int(message["params"].get("cursor", "0"))
        tool = {"name": f"t{page}", "description": "x" * 1_000_000, "inputSchema": {}}
        result = {"tools": [tool], "nextCursor": str(page + 1), "resultType": "complete"}
        body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return httpx.Response(200, json=body)

    world.internet.add_page("https://plain.example/mcp", answer)
    with world.deployment.admin as admin:
        created = create_server(admin, url="https://plain.example/mcp")
        refused = admin.get(f"{SERVERS}/{created['id']}/tools")
    assert error_of(refused) == (502, "mcp_protocol_error")
    assert len(world.internet.requests) == 5


@pytest.mark.rule(56)
def test_a_schema_is_passed_on_exactly_as_it_came_and_its_references_are_not_fetched(
    world: World,
) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "a": {"$ref": "https://evil.example/schema.json"},
            "b": {"type": ["string", "null"], "default": None},
        },
        "additionalProperties": False,
        "$defs": {"x": {"enum": [None, 1, "ü"]}},
    }
    world.resource_server.tools = [{"name": "search", "inputSchema": schema}]
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
        world.internet.requests.clear()
        found = browser.get(f"{SERVERS}/{server_id}/tools").json()["tools"]
    assert found[0]["input_schema"] == schema
    assert {str(each.url) for each in world.internet.requests} == {MCP_URL}
