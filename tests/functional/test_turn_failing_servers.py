"""Servers that fail while a chat needs them: its owner sees it, and the chat goes on."""

import threading
from dataclasses import replace

import httpx
import pytest

from tests.support.deployment import start_deployment
from tests.support.journey import MCP_URL, World, connect_url
from tests.support.people import default_organization, join, new_person
from tests.support.tool_server import ToolServer, add_tools
from tests.support.turns import Talk, talking

TOKEN_URL = "https://login.example/token"


def hang(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


def again(talk: Talk, chat_id: str, *texts: str) -> None:
    """Another turn, a second later."""
    talk.world.deployment.clock.advance(seconds=1)
    talk.say(chat_id, *(texts or ("again",))).raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"


def forget_tokens(world: World) -> None:
    """No token that was given so far is good for anything."""
    tokens = world.authorization_server.tokens
    for text in [text for text, each in tokens.items() if each.kind == "access"]:
        del tokens[text]


def test_an_owner_who_is_not_connected_is_told_once_where_to_connect_and_once_that_it_works(
    talk: Talk,
) -> None:
    server_id = talk.world.register()["id"]
    other = add_tools(talk.world, "other", "look")
    chat_id, chat = talk.ask("use look", mcp_server_ids=[server_id, other.id])
    assert chat["status"] == "waiting"
    again(talk, chat_id)
    assert talk.events(chat_id) == [("Tickets", "connect_required")]
    [told] = talk.parts(chat_id, "server-event")
    assert told["mcp_server_config_id"] == server_id
    assert told["connect_url"] == connect_url(server_id)
    talk.world.connect_as(talk.token, server_id)
    again(talk, chat_id)
    again(talk, chat_id)
    assert "tickets__search" in talk.offered
    assert talk.events(chat_id) == [("Tickets", "connect_required"), ("Tickets", "connected")]


def test_what_only_the_owner_is_told_does_not_go_to_the_model(talk: Talk) -> None:
    server_id = talk.world.register()["id"]
    chat_id, _ = talk.ask("hello", mcp_server_ids=[server_id])
    again(talk, chat_id)
    assert [each["role"] for each in talk.model.requests[-1]["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize("is_admin", [True, False], ids=["admin", "member"])
def test_a_server_that_is_down_costs_only_its_own_tools(talk: Talk, is_admin: bool) -> None:
    good, bad = add_tools(talk.world, "good", "look"), add_tools(talk.world, "bad", "look")
    person = new_person(talk.world.deployment)
    join(talk.world.deployment, default_organization(talk.world.deployment), person)
    theirs = talk if is_admin else replace(talk, token=person.token)
    bad.instead = lambda _: httpx.Response(500, text="upstream-text")
    chat_id, chat = theirs.ask("use good__look", mcp_server_ids=[bad.id, good.id])
    assert chat["status"] == "waiting"
    assert len(good.calls) == 1
    assert theirs.events(chat_id) == [("bad", "error")]
    bad.instead = None
    again(theirs, chat_id)
    assert "bad__look" in theirs.offered
    assert theirs.events(chat_id) == [("bad", "error"), ("bad", "connected")]
    assert "upstream-text" not in str(theirs.messages(chat_id))


@pytest.mark.parametrize("is_admin", [True, False], ids=["admin", "member"])
def test_a_server_that_timed_out_is_not_asked_again_for_a_minute(
    talk: Talk, is_admin: bool
) -> None:
    server = add_tools(talk.world, "slow", "look")
    server.instead = hang
    person = new_person(talk.world.deployment)
    join(talk.world.deployment, default_organization(talk.world.deployment), person)
    theirs = talk if is_admin else replace(talk, token=person.token)
    chat_id, _ = theirs.ask("hello", mcp_server_ids=[server.id])
    asked = server.listings
    again(theirs, chat_id)
    assert server.listings == asked
    assert theirs.events(chat_id) == [("slow", "timeout")]
    server.instead = None
    again(theirs, chat_id)
    assert "slow__look" not in theirs.offered
    talk.world.deployment.clock.advance(seconds=60)
    again(theirs, chat_id)
    assert "slow__look" in theirs.offered
    assert theirs.events(chat_id) == [("slow", "timeout"), ("slow", "connected")]


def test_a_server_that_is_corrected_is_asked_at_once(talk: Talk) -> None:
    server = add_tools(talk.world, "slow", "look")
    server.instead = hang
    chat_id, _ = talk.ask("hello", mcp_server_ids=[server.id])
    server.instead = None
    server.change(display_name="quick")
    again(talk, chat_id)
    assert "slow__look" in talk.offered


def test_a_black_hole_holds_a_step_up_no_longer_than_our_patience(world: World) -> None:
    """Each of its requests is in time, and all of them together never end."""
    over = threading.Event()
    world = replace(world, deployment=start_deployment(world.internet, listing_patience=0.5))

    def swallow(request: httpx.Request) -> httpx.Response:
        over.wait(20)
        return httpx.Response(500)

    with talking(world) as talk:
        good, hole = add_tools(world, "good", "look"), add_tools(world, "hole", "look")
        hole.instead = swallow
        chat_id, chat = talk.ask("use good__look", mcp_server_ids=[hole.id, good.id])
        over.set()
        assert chat["status"] == "waiting"
        assert len(good.calls) == 1
        assert talk.events(chat_id) == [("hole", "timeout")]


def test_all_servers_are_asked_at_the_same_time(talk: Talk) -> None:
    everybody = threading.Barrier(4, timeout=20)
    servers = [add_tools(talk.world, f"s{number}", "look") for number in range(4)]

    def meet(server: ToolServer, request: httpx.Request) -> httpx.Response:
        server.instead = None
        everybody.wait()
        return server.handle(request)

    for server in servers:
        server.instead = lambda request, server=server: meet(server, request)
    chat_id, _ = talk.ask("hello", mcp_server_ids=[each.id for each in servers])
    assert talk.events(chat_id) == []
    assert len(talk.offered) == 5


def test_a_call_that_fails_is_told_to_the_model_and_the_turn_goes_on(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    talk.step(chat_id)
    server.instead = lambda _: httpx.Response(500, text="upstream-text")
    assert talk.run(chat_id)["status"] == "waiting"
    assert talk.result(chat_id)["is_error"]
    assert "upstream-text" not in str(talk.messages(chat_id))
    assert "failed" in talk.answer(chat_id)


def test_a_tool_that_fails_says_so_to_the_model(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look")
    server.result = {"content": [{"type": "text", "text": "no such ticket"}], "isError": True}
    chat_id, _ = talk.ask("use look", mcp_server_ids=[server.id])
    assert talk.result(chat_id)["is_error"]
    assert talk.answer(chat_id) == "a__look failed: no such ticket"


def test_a_refused_token_is_refreshed_during_a_call_and_the_call_made_once_more(
    talk: Talk,
) -> None:
    server_id = talk.world.connected()
    chat_id = talk.start('use search {"q": "open"}', mcp_server_ids=[server_id])
    talk.step(chat_id)
    forget_tokens(talk.world)
    assert talk.run(chat_id)["status"] == "waiting"
    assert not talk.result(chat_id)["is_error"]
    assert talk.world.internet.calls.count(f"POST {TOKEN_URL}") == 1
    assert talk.events(chat_id) == []


def test_a_grant_that_was_withdrawn_during_a_call_is_visible_in_the_chat(talk: Talk) -> None:
    server_id = talk.world.connected()
    chat_id = talk.start('use search {"q": "open"}', mcp_server_ids=[server_id])
    talk.step(chat_id)
    forget_tokens(talk.world)
    talk.world.internet.add_page(TOKEN_URL, httpx.Response(400, json={"error": "invalid_grant"}))
    assert talk.run(chat_id)["status"] == "waiting"
    assert talk.result(chat_id)["is_error"]
    assert connect_url(server_id) in talk.result(chat_id)["result"]
    assert talk.events(chat_id) == [("Tickets", "connect_required")]
    assert talk.world.internet.calls.count(f"POST {TOKEN_URL}") == 1


def test_an_expired_token_is_refreshed_before_a_turn_and_nobody_notices(talk: Talk) -> None:
    server_id = talk.world.connected()
    talk.world.deployment.clock.advance(hours=2)
    chat_id, _ = talk.ask('use search {"q": "open"}', mcp_server_ids=[server_id])
    assert not talk.result(chat_id)["is_error"]
    assert talk.events(chat_id) == []
    assert f"POST {MCP_URL}" in talk.world.internet.calls
