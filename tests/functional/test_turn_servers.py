"""Which servers' tools a model is offered: decided at each step, as things are then."""

from dataclasses import replace

import pytest

from tests.support.chats import CHATS
from tests.support.people import Person, default_organization, join, new_person
from tests.support.servers import NOWHERE, SERVERS
from tests.support.tool_server import add_tools
from tests.support.turns import Talk

OWN = ["create_workspace"]


@pytest.fixture
def mara(talk: Talk) -> Person:
    """A member of the default organisation."""
    person = new_person(talk.world.deployment)
    join(talk.world.deployment, default_organization(talk.world.deployment), person)
    return person


def test_forced_servers_are_there_though_the_chat_does_not_list_them(talk: Talk) -> None:
    """Also those that were forced after the chat began: nobody had to select them."""
    server = add_tools(talk.world, "late", "look")
    chat_id, _ = talk.ask("hello", mcp_server_ids=[])
    assert talk.offered == OWN
    server.change(availability="force_on")
    talk.say(chat_id, "again").raise_for_status()
    talk.run(chat_id)
    assert talk.offered == [*OWN, "late__look"]
    server.change(availability="default_on")
    talk.say(chat_id, "again").raise_for_status()
    talk.run(chat_id)
    assert talk.offered == OWN


def test_a_server_that_is_disabled_or_deleted_meanwhile_is_left_out_and_stops_nobody(
    talk: Talk,
) -> None:
    servers = [add_tools(talk.world, name, "look") for name in ("a", "b", "c")]
    ids = [each.id for each in servers]
    chat_id, _ = talk.ask("hello", mcp_server_ids=ids)
    assert talk.offered == [*OWN, "a__look", "b__look", "c__look"]
    servers[0].change(enabled=False)
    servers[1].delete()
    talk.say(chat_id, "again").raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"
    assert talk.offered == [*OWN, "c__look"]
    assert talk.events(chat_id) == []


def test_a_server_of_another_organisation_is_never_used(talk: Talk) -> None:
    server = add_tools(talk.world, "theirs", "look")
    chat_id, _ = talk.ask("hello", mcp_server_ids=[server.id])
    with talk.world.deployment.admin as admin:
        other = admin.post("/api/v2/organizations", json={"name": "elsewhere"}).json()["id"]
    server.change(organization_ids=[other], availability="force_on")
    talk.say(chat_id, "use look").raise_for_status()
    talk.run(chat_id)
    assert talk.offered == OWN


def test_a_selection_changed_while_a_turn_runs_counts_from_the_next_step_on(talk: Talk) -> None:
    first, second = add_tools(talk.world, "first", "look"), add_tools(talk.world, "second", "look")
    chat_id = talk.start("use first__look", mcp_server_ids=[first.id])
    talk.step(chat_id)
    change = talk.client.patch(f"{CHATS}/{chat_id}", json={"mcp_server_ids": [second.id]})
    change.raise_for_status()
    talk.run(chat_id)
    assert first.calls == []
    assert talk.result(chat_id)["is_error"]
    assert "cannot be used in this chat any more" in talk.result(chat_id)["result"]
    assert talk.offered == [*OWN, "second__look"]


def test_somebody_who_is_taken_off_a_servers_list_loses_it_at_the_next_step(
    talk: Talk, mara: Person
) -> None:
    hers = replace(talk, token=mara.token)
    server = add_tools(talk.world, "a", "look")
    chat_id = hers.start("use look", mcp_server_ids=[server.id])
    assert hers.step(chat_id)["status"] == "pending"
    with talk.world.deployment.admin as admin:
        nobody = {"group_roles": {default_organization(talk.world.deployment): ""}}
        admin.patch(f"{SERVERS}/{server.id}/acl", json=nobody).raise_for_status()
    hers.run(chat_id)
    assert server.calls == []
    assert "cannot be used" in hers.result(chat_id)["result"]
    assert hers.offered == OWN


def test_somebody_who_leaves_the_organisation_gets_no_further_step(
    talk: Talk, mara: Person
) -> None:
    hers, server = replace(talk, token=mara.token), add_tools(talk.world, "a", "look")
    chat_id = hers.start("use look", mcp_server_ids=[server.id])
    hers.step(chat_id)
    organization_id = default_organization(talk.world.deployment)
    with talk.world.deployment.admin as admin:
        path = f"/api/v2/organizations/{organization_id}/members/{mara.id}"
        admin.delete(path).raise_for_status()
    chat = talk.world.deployment.services.turns
    chat.handle(chat_id)
    assert server.calls == []
    join(talk.world.deployment, organization_id, mara)
    found = hers.chat(chat_id)
    assert (found["status"], found["last_error"]["kind"]) == ("error", "not_allowed")
    assert hers.post(chat_id, "retry").status_code == 200
    assert hers.run(chat_id)["status"] == "waiting"
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"tool_deny_list": ["look"]},
        {"tool_allow_list": ["other"]},
        {"tool_rules": {"look": "deny"}},
        {"tool_allow_list": ["look"], "tool_deny_list": ["look"]},
    ],
)
def test_a_tool_that_is_denied_between_listing_and_call_is_not_called(
    talk: Talk, change: dict[str, object]
) -> None:
    server = add_tools(talk.world, "a", "look", "other")
    chat_id = talk.start("use a__look", mcp_server_ids=[server.id])
    talk.step(chat_id)
    assert "a__look" in talk.offered
    server.change(**change)
    talk.run(chat_id)
    assert server.calls == []
    assert talk.result(chat_id)["is_error"]
    assert "a__look" not in talk.offered


def test_a_tool_that_changed_and_is_withheld_is_neither_offered_nor_called(talk: Talk) -> None:
    server = add_tools(talk.world, "a", {"name": "look", "inputSchema": {"type": "object"}}, "b")
    path = f"{SERVERS}/{server.id}/tools/approvals"
    talk.client.post(path, json={"all": True}).raise_for_status()
    server.change(tool_changes="withhold")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    talk.step(chat_id)
    assert talk.offered == [*OWN, "a__b", "a__look"]
    server.tools[0] = {"name": "look", "description": "New.", "inputSchema": {"type": "object"}}
    talk.run(chat_id)
    assert server.calls == []
    assert talk.result(chat_id)["is_error"]
    assert talk.offered == [*OWN, "a__b"]


def test_a_server_of_which_no_tool_is_left_is_said_to_have_none(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look", tool_deny_list=["look"])
    chat_id, _ = talk.ask(
        "hello",
        mcp_server_ids=[
            server.id,
        ],
    )
    assert talk.events(chat_id) == [("a", "no_tools")]


def test_tools_are_offered_in_the_same_order_each_time(talk: Talk) -> None:
    """Otherwise no provider's prompt cache would ever help."""
    ids = [add_tools(talk.world, name, "y", "x").id for name in ("b", "a")]
    chat_id, _ = talk.ask("hello", mcp_server_ids=ids)
    first = talk.model.requests[-1]["tools"]
    assert talk.offered == [*OWN, "a__x", "a__y", "b__x", "b__y"]
    change = talk.client.patch(f"{CHATS}/{chat_id}", json={"mcp_server_ids": ids[::-1]})
    change.raise_for_status()
    talk.say(chat_id, "again").raise_for_status()
    talk.run(chat_id)
    assert talk.model.requests[-1]["tools"] == first


def test_ids_that_nobody_has_are_refused_when_they_are_new(talk: Talk) -> None:
    chat_id, _ = talk.ask("hello")
    assert talk.say(chat_id, "again", mcp_server_ids=[NOWHERE]).status_code == 400
