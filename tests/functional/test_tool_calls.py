"""Calling a server's tools through one's own connection."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.deployment import error_of
from tests.support.journey import MCP_URL, World
from tests.support.servers import NOWHERE, SERVERS, create_server

SEARCH = {"name": "search", "arguments": {"query": " x ", "limit": 3, "filter": None}}
PLAIN = "https://plain.example/mcp"


@pytest.fixture
def server_id(world: World) -> str:
    """A server that the admin is connected to."""
    created: str = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, created)
    return created


@pytest.fixture
def admin(world: World) -> Iterator[httpx.Client]:
    with world.deployment.admin as client:
        yield client


def call(client: httpx.Client, server_id: str, body: Any = None) -> httpx.Response:
    return client.post(f"{SERVERS}/{server_id}/tools/call", json=body or SEARCH)


def calls_sent(world: World) -> list[dict[str, Any]]:
    """The parameters of the calls that reached the server."""
    posted = [each for each in world.internet.requests if str(each.url) == MCP_URL]
    messages = [json.loads(each.content) for each in posted if each.method == "POST"]
    return [each["params"] for each in messages if each["method"] == "tools/call"]


@pytest.mark.parametrize("is_modern", [True, False], ids=["2026-07-28", "2025-11-25"])
def test_a_tool_is_called_with_the_arguments_exactly_as_they_came(
    world: World, server_id: str, admin: httpx.Client, is_modern: bool
) -> None:
    world.resource_server.is_modern = is_modern
    response = call(admin, server_id)
    assert response.status_code == 200, response.text
    assert response.json() == {
        "result_type": "complete",
        "content": [{"type": "text", "text": json.dumps(SEARCH["arguments"])}],
        "is_error": False,
    }
    assert [each["arguments"] for each in calls_sent(world)] == [SEARCH["arguments"]]


@pytest.mark.rule(42, 43, "trap:isolation")
def test_a_call_carries_the_callers_own_token_and_nobody_elses(
    world: World, server_id: str, admin: httpx.Client
) -> None:
    mara = world.deployment.new_member("mara")
    refused = call(mara, server_id)
    assert error_of(refused) == (409, "connect_required")
    assert refused.json()["connect_url"].endswith(f"{SERVERS}/{server_id}/oauth2/connect")
    assert calls_sent(world) == []
    token = mara.headers["Authorization"].removeprefix("Bearer ")
    with world.browser(token) as browser:
        world.connect(browser, server_id)
    world.internet.requests.clear()
    call(mara, server_id).raise_for_status()
    sent = {
        each.headers.get("Authorization")
        for each in world.internet.requests
        if str(each.url) == MCP_URL
    }
    world.internet.requests.clear()
    call(admin, server_id).raise_for_status()
    other = {each.headers.get("Authorization") for each in world.internet.requests}
    assert len(sent) == len(other) == 1
    assert sent != other


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"tool_deny_list": ["search"]}, "search"),
        ({"tool_allow_list": ["create_issue"]}, "search"),
        ({"tool_allow_list": ["search"], "tool_deny_list": ["search"]}, "search"),
        ({"tool_allow_list": ["search"]}, "Search"),
        ({"tool_rules": {"search": "deny"}}, "search"),
    ],
    ids=["denied", "not allowed", "deny wins", "exact names", "its own rule"],
)
def test_a_tool_that_the_admin_does_not_allow_is_not_called(
    world: World, server_id: str, admin: httpx.Client, changes: dict[str, Any], name: str
) -> None:
    admin.patch(f"{SERVERS}/{server_id}", json=changes).raise_for_status()
    world.internet.requests.clear()
    refused = call(admin, server_id, {"name": name})
    assert error_of(refused) == (403, "mcp_tool_not_allowed")
    assert world.internet.requests == []


@pytest.mark.parametrize("approved", [{}, {"approved": False}], ids=["absent", "false"])
def test_a_tool_that_asks_first_runs_only_with_the_callers_approval(
    world: World, server_id: str, admin: httpx.Client, approved: dict[str, bool]
) -> None:
    change = {"tool_rules": {"search": "ask"}}
    admin.patch(f"{SERVERS}/{server_id}", json=change).raise_for_status()
    world.internet.requests.clear()
    refused = call(admin, server_id, {**SEARCH, **approved})
    assert error_of(refused) == (409, "tool_approval_required")
    assert refused.json()["tool_name"] == "search"
    assert world.internet.requests == []
    assert call(admin, server_id, {**SEARCH, "approved": True}).status_code == 200
    assert [each["arguments"] for each in calls_sent(world)] == [SEARCH["arguments"]]


def test_an_approval_does_not_help_a_denied_tool(
    world: World, server_id: str, admin: httpx.Client
) -> None:
    change = {"tool_rules": {"search": "ask"}, "tool_deny_list": ["search"]}
    admin.patch(f"{SERVERS}/{server_id}", json=change).raise_for_status()
    refused = call(admin, server_id, {**SEARCH, "approved": True})
    assert error_of(refused) == (403, "mcp_tool_not_allowed")


def test_a_tool_that_the_server_does_not_offer_is_404(
    world: World, server_id: str, admin: httpx.Client
) -> None:
    refused = call(admin, server_id, {"name": "nothing"})
    assert error_of(refused) == (404, "mcp_tool_not_found")
    assert calls_sent(world) == []


def test_a_disabled_server_is_called_by_nobody(
    world: World, server_id: str, admin: httpx.Client
) -> None:
    admin.patch(f"{SERVERS}/{server_id}", json={"enabled": False}).raise_for_status()
    with world.deployment.new_member() as mara:
        assert error_of(call(mara, server_id)) == (404, "mcp_server_not_found")
        assert error_of(call(mara, NOWHERE)) == (404, "mcp_server_not_found")
    assert error_of(call(admin, server_id)) == (400, "mcp_server_disabled")
    assert error_of(call(admin, "nonsense")) == (400, "invalid_mcp_server_id")
    assert calls_sent(world) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"arguments": {}}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "search", "arguments": []}, "arguments"),
        ({"name": "search", "arguments": "x"}, "arguments"),
        ({"name": "search", "elicitation": "always"}, "elicitation"),
        ({"name": "search", "input_responses": []}, "input_responses"),
        ({"name": "search", "request_state": 7}, "request_state"),
        ({"name": "search", "approved": "yes"}, "approved"),
    ],
    ids=str,
)
def test_a_malformed_call_names_the_field(
    world: World, server_id: str, admin: httpx.Client, body: dict[str, Any], field: str
) -> None:
    refused = call(admin, server_id, body)
    assert error_of(refused) == (400, "invalid_body")
    assert [each["field"] for each in refused.json()["validations"]] == [field]
    assert calls_sent(world) == []


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
@pytest.mark.parametrize("member", ["arguments", "input_responses"])
def test_a_number_that_json_cannot_hold_goes_to_no_server(
    world: World, server_id: str, admin: httpx.Client, member: str, number: str
) -> None:
    body = f'{{"name": "search", "{member}": {{"list": [{{"deep": {number}}}]}}}}'
    path, json_type = f"{SERVERS}/{server_id}/tools/call", {"Content-Type": "application/json"}
    refused = admin.post(path, content=body, headers=json_type)
    assert error_of(refused) == (400, "invalid_body")
    assert [each["field"] for each in refused.json()["validations"]] == [member]
    assert calls_sent(world) == []


@pytest.mark.rule("trap:refresh-before-asking")
def test_a_token_that_is_refused_is_refreshed_and_the_call_repeated_once(
    world: World, server_id: str, admin: httpx.Client
) -> None:
    call(admin, server_id).raise_for_status()
    tokens = world.authorization_server.tokens
    for text in [text for text, each in tokens.items() if each.kind == "access"]:
        del tokens[text]
    assert call(admin, server_id).status_code == 200
    assert world.internet.calls.count(f"POST {world.authorization_server.issuer}/token") == 2


@pytest.mark.rule(49, "trap:lazy-authorization")
def test_a_call_that_needs_more_than_listing_asks_to_step_up(
    world: World, server_id: str, admin: httpx.Client
) -> None:
    world.resource_server.needed_scopes = {"tools/call": "admin"}
    refused = call(admin, server_id)
    assert error_of(refused) == (409, "step_up_required")
    assert refused.json()["connect_url"].endswith(f"{SERVERS}/{server_id}/oauth2/connect")
    assert admin.get(f"{SERVERS}/{server_id}/tools").status_code == 200


@pytest.mark.rule(66)
def test_a_servers_questions_go_to_the_caller_and_the_answers_back(
    world: World, admin: httpx.Client
) -> None:
    question = {"method": "elicitation/create", "params": {"message": "Sure?", "x": None}}
    state = 'opaque "ü" =='
    seen: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)
        result: dict[str, Any] = {"tools": [{"name": "drop", "inputSchema": {}}]}
        if message["method"] == "tools/call":
            seen.append(message)
            result = {"content": []}
            if "inputResponses" not in message["params"]:
                result = {
                    "resultType": "input_required",
                    "inputRequests": {"q": question},
                    "requestState": state,
                }
        result = {"resultType": "complete", **result}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": result})

    world.internet.add_page(PLAIN, answer)
    server_id = create_server(admin, url=PLAIN, enabled=True)["id"]
    body: dict[str, Any] = {"name": "drop", "arguments": {"id": 1}, "elicitation": "ask"}
    asked = call(admin, server_id, body).json()
    assert asked == {
        "result_type": "input_required",
        "input_requests": {"q": question},
        "request_state": state,
    }
    body["input_responses"] = {"q": {"action": "accept", "content": {"sure": True}}}
    body["request_state"] = asked["request_state"]
    assert call(admin, server_id, body).json()["result_type"] == "complete"
    assert [each["params"].get("requestState") for each in seen] == [None, state]
    assert seen[1]["params"]["inputResponses"] == body["input_responses"]
    assert seen[0]["id"] != seen[1]["id"]


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_is_described_to_an_admin_and_not_to_a_member(
    world: World, admin: httpx.Client, status: int
) -> None:
    world.internet.add_page(PLAIN, httpx.Response(status, text="upstream-text"))
    server_id = create_server(admin, url=PLAIN, enabled=True)["id"]
    refused = call(admin, server_id)
    assert error_of(refused) == (502, "mcp_server_error")
    assert "plain.example" in refused.json()["message"]
    with world.deployment.new_member() as mara:
        told = call(mara, server_id)
    assert error_of(told) == (502, "mcp_tools_unavailable")
    for response in (refused, told):
        assert "upstream-text" not in response.text
    assert "plain.example" not in told.text
