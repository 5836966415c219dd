"""Refreshing tokens: early, once, and never lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of, start_deployment
from tests.support.internet import form_of
from tests.support.journey import ISSUER, MCP_URL, World
from tests.support.servers import SERVERS

TOKEN_URL = f"{ISSUER}/token"


def refreshes(world: World) -> list[dict[str, str]]:
    forms = [form_of(each) for each in world.internet.requests if str(each.url) == TOKEN_URL]
    return [form for form in forms if form["grant_type"] == "refresh_token"]


def bearer_tokens(world: World) -> list[str]:
    return [
        each.headers["Authorization"].removeprefix("Bearer ")
        for each in world.internet.requests
        if str(each.url) == MCP_URL
    ]


@pytest.mark.rule(30, "trap:early-refresh")
def test_a_token_is_refreshed_ten_seconds_before_it_expires(world: World) -> None:
    server_id = world.connected()
    world.deployment.clock.advance(seconds=3589)
    assert world.list_tools(server_id).status_code == 200
    assert refreshes(world) == []
    world.deployment.clock.advance(seconds=1)
    assert world.list_tools(server_id).status_code == 200
    (form,) = refreshes(world)
    assert form["resource"] == MCP_URL
    assert len(set(bearer_tokens(world))) == 2


@pytest.mark.rule(47)
def test_a_refreshed_token_and_its_rotated_refresh_token_are_used_from_then_on(
    world: World,
) -> None:
    server_id = world.connected()
    for _ in range(3):
        world.deployment.clock.advance(hours=2)
        assert world.list_tools(server_id).status_code == 200
        assert world.list_tools(server_id).status_code == 200
    used = [form["refresh_token"] for form in refreshes(world)]
    assert len(used) == len(set(used)) == 3


@pytest.mark.rule(47)
def test_a_provider_that_does_not_rotate_keeps_its_refresh_token(world: World) -> None:
    """RFC 6749 section 6; rule 47."""
    server_id = world.connected()
    provider = world.authorization_server
    kept = next(text for text, token in provider.tokens.items() if token.kind == "refresh")
    provider.issues_refresh_tokens = False
    for _ in range(2):
        grant = provider.tokens[kept]
        world.deployment.clock.advance(hours=2)
        assert world.list_tools(server_id).status_code == 200
        provider.tokens[kept] = grant  # It takes a token away when used; this provider does not.
    assert {form["refresh_token"] for form in refreshes(world)} == {kept}


@pytest.mark.rule("trap:refresh-before-asking")
def test_a_token_that_the_server_refuses_is_refreshed_once_before_the_user_is_asked(
    world: World,
) -> None:
    server_id = world.connected()
    provider = world.authorization_server
    for text in [text for text, token in provider.tokens.items() if token.kind == "access"]:
        del provider.tokens[text]
    assert world.list_tools(server_id).status_code == 200
    assert len(refreshes(world)) == 1


@pytest.mark.rule(51, "trap:refresh-before-asking")
def test_a_server_that_refuses_every_token_costs_one_refresh_and_then_asks(world: World) -> None:
    server_id = world.connected()
    world.internet.add_page(MCP_URL, httpx.Response(401))
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert len(refreshes(world)) == 1


@pytest.mark.rule("trap:transient-refresh-failure")
@pytest.mark.parametrize("code", ["invalid_grant", "bad_refresh_token"])
def test_a_refusal_for_good_is_remembered_and_the_provider_asked_no_more(
    world: World, code: str
) -> None:
    server_id = world.connected()
    world.internet.add_page(TOKEN_URL, httpx.Response(400, json={"error": code}))
    world.deployment.clock.advance(hours=2)
    for _ in range(3):
        assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert len(refreshes(world)) == 1
    with world.deployment.admin as admin:
        assert not admin.get(f"{SERVERS}/{server_id}").json()["auth_connected"]
    world.internet._pages.clear()
    with world.browser() as browser:
        world.connect(browser, server_id)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule("trap:transient-refresh-failure")
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, text="upstream-text"),
        httpx.Response(429),
        httpx.Response(400, json={"error": "invalid_client", "error_description": "upstream-text"}),
        httpx.Response(200, text="<html>upstream-text"),
    ],
    ids=["failing", "busy", "another error", "HTML"],
)
def test_any_other_failure_is_for_this_time_only(world: World, answer: httpx.Response) -> None:
    server_id = world.connected()
    world.internet.add_page(TOKEN_URL, answer)
    world.deployment.clock.advance(hours=2)
    for _ in range(2):
        refused = world.list_tools(server_id)
        assert error_of(refused) == (502, "oauth2_refresh_failed")
        assert "upstream-text" not in refused.text
    with world.deployment.admin as admin:
        assert admin.get(f"{SERVERS}/{server_id}").json()["auth_connected"]
    world.internet._pages.clear()
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule("trap:early-refresh")
def test_a_failure_while_the_token_is_still_good_is_not_noticed(world: World) -> None:
    server_id = world.connected()
    world.internet.add_page(TOKEN_URL, httpx.Response(503))
    world.deployment.clock.advance(seconds=3595)
    assert world.list_tools(server_id).status_code == 200


def test_listing_servers_asks_no_provider(world: World) -> None:
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    with world.deployment.admin as admin:
        listed = {each["id"]: each["auth_connected"] for each in admin.get(SERVERS).json()}
    assert listed[server_id]
    assert world.internet.requests == []


@pytest.mark.rule("trap:concurrent-refresh")
def test_lambdas_that_want_a_fresh_token_at_once_make_one_request_at_the_provider(
    world: World,
) -> None:
    """Threads with caches of their own; the provider answers when the other three wait for it."""
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    waiting, all_wait, never = set[int](), threading.Event(), threading.Event()
    handle = world.authorization_server.handle

    def pause(_: float) -> None:
        waiting.add(threading.get_ident())
        if len(waiting) == 3:
            all_wait.set()
        never.wait(0.02)

    def answer_late(request: httpx.Request) -> httpx.Response:
        assert all_wait.wait(10), f"{len(waiting)} of the others wait"
        return handle(request)

    def list_in(container: Deployment) -> int:
        with container.client(ADMIN_TOKEN) as client:
            return client.get(f"{SERVERS}/{server_id}/tools").status_code

    world.internet.add_page(TOKEN_URL, answer_late)
    containers = [
        start_deployment(world.internet, clock=world.deployment.clock, pause=pause)
        for _ in range(4)
    ]
    with ThreadPoolExecutor(len(containers)) as pool:
        assert list(pool.map(list_in, containers)) == [200] * 4
    assert len(refreshes(world)) == 1
    assert len(set(bearer_tokens(world))) == 1


@pytest.mark.rule("trap:concurrent-refresh")
@pytest.mark.parametrize("action", ["disconnect", "delete"])
def test_a_disconnect_or_a_deletion_during_a_refresh_wins(world: World, action: str) -> None:
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    handle = world.authorization_server.handle
    other = start_deployment(world.internet, clock=world.deployment.clock)

    def meanwhile(request: httpx.Request) -> httpx.Response:
        answer = handle(request)
        with other.client(ADMIN_TOKEN) as client:
            path = f"{SERVERS}/{server_id}"
            suffix = "/oauth2/disconnect" if action == "disconnect" else ""
            assert client.delete(path + suffix).status_code in {200, 204}
        return answer

    world.internet.add_page(TOKEN_URL, meanwhile)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert world.authorization_server.tokens == {}, "nobody holds these tokens, so none may live"
    if action == "disconnect":
        with world.deployment.admin as admin:
            assert not admin.get(f"{SERVERS}/{server_id}").json()["auth_connected"]


@pytest.mark.rule("trap:concurrent-refresh")
def test_a_lease_whose_holder_died_is_taken_over(world: World) -> None:
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)

    def die(request: httpx.Request) -> httpx.Response:
        raise SystemExit

    world.internet.add_page(TOKEN_URL, die)
    with pytest.raises(SystemExit):
        world.list_tools(server_id)
    world.internet._pages.clear()
    assert error_of(world.list_tools(server_id)) == (503, "oauth2_refresh_busy")
    world.deployment.clock.advance(seconds=15)
    assert world.list_tools(server_id).status_code == 200
