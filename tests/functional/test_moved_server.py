"""An MCP server that has moved to another authorization server."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.authorization_server import AuthorizationServer
from tests.support.deployment import ADMIN_TOKEN, error_of, start_deployment
from tests.support.internet import form_of
from tests.support.journey import ISSUER, World, connect_url
from tests.support.servers import SERVERS

NEW_ISSUER = "https://new-login.example"


def move(world: World, **knobs: Any) -> AuthorizationServer:
    """Let the MCP server take another authorization server's tokens, and only those."""
    new = world.add_authorization_server(NEW_ISSUER, **knobs)
    world.resource_server.servers = [new]
    return new


def show(world: World, server_id: str, token: str = ADMIN_TOKEN) -> dict[str, Any]:
    with world.deployment.client(token) as client:
        shown: dict[str, Any] = client.get(f"{SERVERS}/{server_id}").json()
        return shown


def sent_to(world: World, issuer: str) -> str:
    """Everything that an authorization server was sent."""
    host = httpx.URL(issuer).host
    requests = [each for each in world.internet.requests if each.url.host == host]
    return "\n".join(f"{each.url} {each.headers} {each.content!r}" for each in requests)


@pytest.mark.rule(8, 23, 24, "trap:moved-server")
def test_we_register_where_the_server_has_moved_to_and_start_afresh(world: World) -> None:
    server_id = world.connected()
    old = show(world, server_id)
    new = move(world)
    refused = world.list_tools(server_id)
    assert error_of(refused) == (409, "connect_required")
    assert refused.json()["connect_url"] == connect_url(server_id)
    moved = show(world, server_id)
    assert moved["oauth2_issuer"] == NEW_ISSUER
    assert moved["oauth2_token_url"] == f"{NEW_ISSUER}/token"
    assert moved["oauth2_auth_url"] == f"{NEW_ISSUER}/authorize"
    assert len(new.registrations) == 1
    assert new.registrations[0]["redirect_uris"] == [moved["oauth2_callback_url"]]
    world.authorization_server = new
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200
    (client,) = new.clients
    assert client in form_of(world.internet.requests[-2])["client_id"]
    assert old["oauth2_client_id"] not in sent_to(world, NEW_ISSUER)


@pytest.mark.rule(43, "trap:moved-server", "trap:isolation")
def test_everybodys_tokens_of_the_former_server_are_dropped(world: World) -> None:
    server_id, mara = world.connected(), world.deployment.new_token("mara")
    world.connect_as(mara, server_id)
    tokens = set(world.authorization_server.tokens)
    move(world)
    world.list_tools(server_id)
    world.internet.requests.clear()
    for user in (ADMIN_TOKEN, mara):
        assert not show(world, server_id, user)["auth_connected"]
        assert error_of(world.list_tools(server_id, user)) == (409, "connect_required")
    assert world.internet.requests == []
    assert not any(token in sent_to(world, NEW_ISSUER) for token in tokens)


def break_off(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("gone", request=request)


FAREWELLS: dict[str, Callable[[httpx.Request], httpx.Response] | httpx.Response] = {
    "gone": break_off,
    "failing": httpx.Response(503),
    "refusing": httpx.Response(400, json={"error": "invalid_grant"}),
}


@pytest.mark.rule(24, "trap:moved-server")
@pytest.mark.parametrize("hours", [0, 2], ids=["good token", "expired token"])
@pytest.mark.parametrize("farewell", FAREWELLS)
def test_a_former_server_that_no_longer_refreshes_does_not_hide_the_move(
    world: World, farewell: str, hours: int
) -> None:
    server_id = world.connected()
    world.internet.add_page(f"{ISSUER}/token", FAREWELLS[farewell])
    world.authorization_server = move(world)
    world.deployment.clock.advance(hours=hours)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert show(world, server_id)["oauth2_issuer"] == NEW_ISSUER
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200


def test_a_former_server_that_no_longer_refreshes_may_have_no_successor_for_us(
    world: World,
) -> None:
    server_id = world.connected(oauth2_issuer=ISSUER)
    world.internet.add_page(f"{ISSUER}/token", break_off)
    move(world)
    world.deployment.clock.advance(hours=2)
    assert error_of(world.list_tools(server_id)) == (409, "oauth2_authorization_server_changed")


@pytest.mark.rule(7)
def test_a_server_that_still_names_ours_among_others_has_not_moved(world: World) -> None:
    server_id = world.connected()
    new = world.add_authorization_server(NEW_ISSUER)
    world.resource_server.servers = [new, world.authorization_server]
    world.authorization_server.tokens.clear()
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert show(world, server_id)["oauth2_issuer"] == ISSUER
    assert new.registrations == []
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule("trap:abandoned-registration")
def test_the_registration_at_the_former_server_is_deleted(world: World) -> None:
    world.authorization_server.manages_registrations = True
    server_id = world.connected()
    assert len(world.authorization_server.clients) == 1
    move(world)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert world.authorization_server.clients == {}


@pytest.mark.rule("trap:abandoned-registration")
@pytest.mark.parametrize("fault", ["failing", "gone"])
def test_a_former_server_that_deletes_nothing_stops_nobody(world: World, fault: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if fault == "gone":
            raise httpx.ConnectError("gone", request=request)
        return httpx.Response(500)

    world.authorization_server.manages_registrations = True
    server_id = world.connected()
    (url,) = world.authorization_server.management_tokens
    world.internet.add_page(url, answer)
    world.authorization_server = move(world)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert f"DELETE {url}" in world.internet.calls
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule(8, 43, "trap:moved-server")
def test_tokens_of_the_new_server_are_revoked_there_and_not_at_the_former_one(
    world: World,
) -> None:
    server_id = world.connected()
    world.authorization_server = move(world)
    world.list_tools(server_id)
    world.connect_as(ADMIN_TOKEN, server_id)
    world.internet.requests.clear()
    with world.deployment.admin as admin:
        answer = admin.delete(f"{SERVERS}/{server_id}/oauth2/disconnect")
    assert answer.json() == {"token_revoked": True}
    assert world.authorization_server.tokens == {}
    assert sent_to(world, ISSUER) == ""


@pytest.mark.rule(34, 35)
@pytest.mark.parametrize(
    ("chosen", "expected"), [("", {"deploy"}), ("read", {"read"})], ids=["discovered", "chosen"]
)
def test_scopes_are_found_out_anew_unless_an_admin_chose_them(
    world: World, chosen: str, expected: set[str]
) -> None:
    world.authorization_server.metadata_changes = {"scopes_supported": ["offline_access"]}
    server_id = world.connected(oauth2_scopes=chosen)
    move(world)
    world.resource_server.metadata_changes = {"scopes_supported": ["deploy"]}
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert world.asked_scopes(server_id) == expected


PRE_REGISTERED = {"oauth2_client_id": "mine", "oauth2_client_secret": "s", "oauth2_issuer": ISSUER}


@pytest.mark.rule(23, 24, 25, "trap:moved-server")
@pytest.mark.parametrize(
    "client", [PRE_REGISTERED, {"oauth2_issuer": ISSUER}], ids=["pre-registered", "pinned issuer"]
)
def test_what_an_admin_chose_is_not_replaced_and_an_admin_is_asked_for(
    world: World, client: dict[str, str]
) -> None:
    created = world.register(**client)
    world.authorization_server.add_client(
        created["oauth2_callback_url"], "client_secret_basic", "mine", "s"
    )
    world.connect_as(ADMIN_TOKEN, created["id"])
    new = move(world)
    refused = world.list_tools(created["id"])
    assert error_of(refused) == (409, "oauth2_authorization_server_changed")
    assert "admin" in refused.json()["detail"]
    assert show(world, created["id"]) == {**created, "auth_connected": True}
    assert new.registrations == []


@pytest.mark.rule("trap:trailing-slash")
def test_an_issuer_that_an_admin_pinned_may_differ_by_a_slash_from_what_the_server_says(
    world: World,
) -> None:
    world.resource_server.metadata_changes = {"authorization_servers": [f"{ISSUER}/"]}
    server_id = world.connected(oauth2_issuer=ISSUER)
    assert world.list_tools(server_id).status_code == 200
    world.authorization_server.tokens.clear()
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")


def test_a_client_without_an_issuer_has_nothing_that_could_have_moved(world: World) -> None:
    by_hand = {
        "oauth2_client_id": "mine",
        "oauth2_auth_url": f"{ISSUER}/authorize",
        "oauth2_token_url": f"{ISSUER}/token",
    }
    created = world.register(**by_hand)
    world.authorization_server.add_client(created["oauth2_callback_url"], client_id="mine")
    world.connect_as(ADMIN_TOKEN, created["id"])
    move(world)
    assert error_of(world.list_tools(created["id"])) == (409, "connect_required")


UNUSABLE = {
    "registers nobody": ({"registration_endpoint": None}, "oauth2_registration_failed"),
    "promises no PKCE": ({"code_challenge_methods_supported": None}, "oauth2_discovery_failed"),
    "is another": ({"issuer": "https://evil.example"}, "oauth2_discovery_failed"),
}


@pytest.mark.rule(12, 29, "trap:moved-server")
@pytest.mark.parametrize("fault", UNUSABLE)
def test_a_new_server_that_cannot_be_used_changes_nothing_and_an_admin_learns_why(
    world: World, fault: str
) -> None:
    changes, code = UNUSABLE[fault]
    server_id, mara = world.connected(), world.deployment.new_token("mara")
    world.connect_as(mara, server_id)
    before = show(world, server_id)
    move(world, metadata_changes=changes)
    told = world.list_tools(server_id, mara)
    assert error_of(told) == (409, "oauth2_authorization_server_changed")
    assert "example" not in told.text
    refused = world.list_tools(server_id)
    assert error_of(refused) == (400, code)
    assert "new-login.example" in refused.json()["message"]
    assert show(world, server_id) == before
    assert before["auth_connected"]


def test_a_flow_that_began_before_the_move_does_not_end_after_it(world: World) -> None:
    server_id = world.connected()
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        move(world)
        world.list_tools(server_id)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (409, "mcp_server_moved")


@pytest.mark.rule("trap:moved-server", "trap:abandoned-registration")
def test_of_two_lambdas_that_follow_at_once_one_registers_for_both(world: World) -> None:
    server_id = world.connected()
    new = move(world, manages_registrations=True)
    both_are_there, handle = threading.Barrier(2, timeout=10), new.handle

    def register(request: httpx.Request) -> httpx.Response:
        both_are_there.wait()
        return handle(request)

    world.internet.add_page(new.endpoint("register"), register)
    clock = world.deployment.clock
    containers = [start_deployment(world.internet, clock=clock) for _ in range(2)]

    def list_in(number: int) -> tuple[int, str]:
        with containers[number].client(ADMIN_TOKEN) as client:
            return error_of(client.get(f"{SERVERS}/{server_id}/tools"))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(list_in, range(2))) == [(409, "connect_required")] * 2
    assert len(new.registrations) == 2
    assert list(new.clients) == [show(world, server_id)["oauth2_client_id"]]
    world.authorization_server = new
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule(51, "trap:moved-server")
def test_a_server_that_goes_to_and_fro_is_followed_three_times_an_hour(world: World) -> None:
    server_id = world.connected()
    first, second = world.authorization_server, world.add_authorization_server(NEW_ISSUER)

    def refuse_after_a_move(current: AuthorizationServer, other: AuthorizationServer) -> str:
        world.resource_server.servers = [other]
        world.authorization_server = other
        refused = world.list_tools(server_id)
        if error_of(refused)[1] == "connect_required":
            world.connect_as(ADMIN_TOKEN, server_id)
        return error_of(refused)[1]

    told = [
        refuse_after_a_move(*pair)
        for pair in [(first, second), (second, first), (first, second), (second, first)]
    ]
    assert told == [*["connect_required"] * 3, "oauth2_authorization_server_changed"]
    registered = len(first.registrations) + len(second.registrations)
    assert error_of(world.list_tools(server_id)) == (409, "oauth2_authorization_server_changed")
    assert len(first.registrations) + len(second.registrations) == registered == 4
    world.deployment.clock.advance(hours=1)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
