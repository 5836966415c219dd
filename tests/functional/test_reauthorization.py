"""What a user is told when a server refuses their request: step up, connect again, or give up."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.deployment import ADMIN_TOKEN, error_of
from tests.support.journey import MCP_URL, World, connect_url
from tests.support.servers import SERVERS

METADATA = "https://tickets.example/.well-known/oauth-protected-resource/mcp"


def refusal(status: int, challenge: str = "") -> httpx.Response:
    return httpx.Response(status, headers={"WWW-Authenticate": challenge} if challenge else {})


@pytest.mark.rule(2, 49, "trap:lazy-authorization")
def test_a_call_that_lacks_a_scope_says_so_and_where_to_get_it(world: World) -> None:
    server_id = world.connected()
    world.resource_server.needed_scopes = {"tools/list": "admin"}
    refused = world.list_tools(server_id)
    assert error_of(refused) == (409, "step_up_required")
    assert refused.json()["connect_url"] == connect_url(server_id)


@pytest.mark.rule(33, 49, 50)
def test_stepping_up_asks_for_what_was_asked_before_and_for_what_is_needed_now(
    world: World,
) -> None:
    """The metadata lists neither of the scopes that are needed: the challenge counts."""
    server_id = world.connected()
    assert world.asked_scopes(server_id) == {"read", "write"}
    asked = {"read", "write"}
    for needed in ("admin", "audit export"):
        world.resource_server.needed_scopes = {"tools/list": needed}
        assert error_of(world.list_tools(server_id)) == (409, "step_up_required")
        asked |= set(needed.split())
        assert world.asked_scopes(server_id) == asked
        world.connect_as(ADMIN_TOKEN, server_id)
        assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule(34, 50, "trap:isolation")
def test_what_one_user_needs_is_not_asked_of_another(world: World) -> None:
    server_id, mara = world.connected(), world.deployment.new_token("mara")
    world.resource_server.needed_scopes = {"tools/list": "admin"}
    world.list_tools(server_id)
    assert world.asked_scopes(server_id, mara) == {"read", "write"}


@pytest.mark.rule(50)
def test_a_challenge_that_names_no_scope_means_all_that_the_metadata_lists(world: World) -> None:
    server_id = world.connected(oauth2_scopes="read")
    assert world.asked_scopes(server_id) == {"read"}
    world.internet.add_page(MCP_URL, refusal(403, 'Bearer error="insufficient_scope"'))
    assert error_of(world.list_tools(server_id)) == (409, "step_up_required")
    assert world.asked_scopes(server_id) == {"read", "write"}


@pytest.mark.rule(51)
@pytest.mark.parametrize("challenge", ["", 'Bearer error="access_denied"', "Basic realm=x"])
def test_a_refusal_that_no_scope_can_help_is_final_at_once(world: World, challenge: str) -> None:
    server_id = world.connected()
    world.internet.add_page(MCP_URL, refusal(403, challenge))
    refused = world.list_tools(server_id)
    assert error_of(refused) == (403, "mcp_access_refused")
    assert "connect_url" not in refused.json()
    assert world.internet.calls == [f"POST {MCP_URL}"]


TIRELESS = {
    "401": (refusal(401), "connect_required"),
    "403": (refusal(403, 'Bearer error="insufficient_scope", scope="x"'), "step_up_required"),
}


@pytest.mark.rule(51)
@pytest.mark.parametrize("status", TIRELESS)
def test_after_three_grants_the_user_is_asked_no_more(world: World, status: str) -> None:
    answer, code = TIRELESS[status]
    server_id = world.connected()
    world.internet.add_page(MCP_URL, answer)
    for _ in range(2):
        # Asking again and again, as a page that polls does, uses no try up.
        refusals = {error_of(world.list_tools(server_id)) for _ in range(5)}
        assert refusals == {(409, code)}
        world.connect_as(ADMIN_TOKEN, server_id)
    refused = world.list_tools(server_id)
    assert error_of(refused) == (403, "mcp_access_refused")
    assert "connected 3 times" in refused.json()["message"]
    assert "connect_url" not in refused.json()


@pytest.mark.rule(51)
def test_a_token_that_was_good_for_a_while_uses_up_no_try_when_it_ends(world: World) -> None:
    """A server whose tokens last some minutes, does not say so, and does not renew them."""
    world.authorization_server.issues_refresh_tokens = False
    world.authorization_server.token_seconds = None
    server_id = world.connected()
    for _ in range(5):
        assert world.list_tools(server_id).status_code == 200
        world.deployment.clock.advance(minutes=6)
        world.authorization_server.tokens.clear()
        assert error_of(world.list_tools(server_id)) == (409, "connect_required")
        world.connect_as(ADMIN_TOKEN, server_id)


def give_up(world: World, server_id: str) -> None:
    """Let the admin use up all tries at a server."""
    world.internet.add_page(MCP_URL, TIRELESS["403"][0])
    for _ in range(2):
        world.list_tools(server_id)
        world.connect_as(ADMIN_TOKEN, server_id)
    assert error_of(world.list_tools(server_id)) == (403, "mcp_access_refused")


@pytest.mark.rule(51)
def test_a_denial_is_remembered_for_an_hour(world: World) -> None:
    server_id = world.connected()
    give_up(world, server_id)
    world.deployment.clock.advance(minutes=59)
    world.connect_as(ADMIN_TOKEN, server_id)
    assert error_of(world.list_tools(server_id)) == (403, "mcp_access_refused")
    world.deployment.clock.advance(minutes=60)
    assert error_of(world.list_tools(server_id)) == (409, "step_up_required")
    assert world.asked_scopes(server_id) == {"read", "write", "x"}


@pytest.mark.rule(51, "trap:isolation")
def test_tries_are_counted_for_each_user_and_each_server(world: World) -> None:
    server_id, mara = world.connected(), world.deployment.new_token("mara")
    other_id = world.connected(slug="other")
    world.connect_as(mara, server_id)
    give_up(world, server_id)
    assert error_of(world.list_tools(server_id, mara)) == (409, "step_up_required")
    assert error_of(world.list_tools(other_id)) == (409, "step_up_required")


@pytest.mark.rule(51, "trap:lazy-authorization")
def test_tries_are_counted_for_each_operation(world: World) -> None:
    server_id = world.connected()

    def refuse_calls(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["method"] == "tools/call":
            return TIRELESS["403"][0]
        return world.resource_server.handle(request)

    def call(tool: str) -> tuple[int, str]:
        with world.deployment.admin as admin:
            body = {"name": tool, "arguments": {}}
            return error_of(admin.post(f"{SERVERS}/{server_id}/tools/call", json=body))

    world.internet.add_page(MCP_URL, refuse_calls)
    for _ in range(2):
        assert call("search") == (409, "step_up_required")
        world.connect_as(ADMIN_TOKEN, server_id)
    assert call("search") == (403, "mcp_access_refused")
    assert call("create_issue") == (409, "step_up_required")
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule(51)
def test_a_server_that_relents_is_used_at_once(world: World) -> None:
    server_id = world.connected()
    give_up(world, server_id)
    world.internet.forget_page(MCP_URL)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule(2, 52)
@pytest.mark.parametrize(
    "place", ["https://169.254.169.254/latest/meta-data", "http://tickets.example/x", "file:///etc"]
)
def test_a_challenge_may_name_a_place_that_nobody_may_go_to(world: World, place: str) -> None:
    server_id = world.connected()
    world.internet.add_page(MCP_URL, refusal(401, f'Bearer resource_metadata="{place}"'))
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert {request.url.host for request in world.internet.requests} == {
        "tickets.example",
        "login.example",  # Where the token was refreshed before.
    }
    assert place not in world.internet.urls


@pytest.mark.rule(5, "trap:lazy-authorization")
@pytest.mark.parametrize(
    "document",
    [
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(
            200,
            json={
                "resource": "https://evil.example/mcp",
                "authorization_servers": ["https://evil.example"],
            },
        ),
    ],
    ids=["failing", "HTML", "another resource's"],
)
def test_metadata_that_cannot_be_used_changes_nothing_and_the_user_connects_again(
    world: World, document: httpx.Response
) -> None:
    server_id = world.connected()
    world.internet.add_page(METADATA, document)
    world.internet.add_page(MCP_URL, refusal(401))
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    world.internet.forget_page(MCP_URL)
    assert world.list_tools(server_id).status_code == 200, "the connection must still be there"


def test_a_user_who_disconnects_while_being_refused_may_connect_again(world: World) -> None:
    server_id = world.connected()

    def refuse(_: httpx.Request) -> httpx.Response:
        with world.deployment.admin as admin:
            admin.delete(f"{SERVERS}/{server_id}/oauth2/disconnect").raise_for_status()
        return TIRELESS["403"][0]

    world.internet.add_page(MCP_URL, refuse)
    assert error_of(world.list_tools(server_id)) == (409, "step_up_required")


@pytest.mark.rule(51)
def test_refusals_at_the_same_moment_are_one_try(world: World) -> None:
    server_id = world.connected()
    world.resource_server.needed_scopes = {"tools/list": "admin"}
    together = threading.Barrier(4, timeout=10)

    def answer_together(request: httpx.Request) -> httpx.Response:
        together.wait()
        return world.resource_server.handle(request)

    world.internet.add_page(METADATA, answer_together)
    with ThreadPoolExecutor(4) as pool:
        refusals = pool.map(world.list_tools, [server_id] * 4)
        assert {error_of(each) for each in refusals} == {(409, "step_up_required")}
    assert world.asked_scopes(server_id) == {"read", "write", "admin"}
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200
