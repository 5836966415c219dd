"""Tools that ask first: the chat waits for its owner, for as long as they may take."""

import pytest

from tests.support.chats import CHATS
from tests.support.deployment import error_of
from tests.support.people import default_organization, join, new_person
from tests.support.tool_server import ToolServer, add_tools
from tests.support.turns import Talk

TWO = 'use look {"n": 1} and use look {"n": 2} and use read {"n": 3}'


@pytest.fixture
def server(talk: Talk) -> ToolServer:
    """One tool of it asks, another does not."""
    return add_tools(talk.world, "a", "look", "read", tool_rules={"look": "ask"})


def numbers(server: ToolServer) -> list[int]:
    """The arguments of the calls that were made."""
    return sorted(each["arguments"]["n"] for each in server.calls)


def results(talk: Talk, chat_id: str) -> list[bool]:
    """Whether each result is an error, in the order of the calls."""
    return [each["is_error"] for each in talk.parts(chat_id, "tool-result")]


def test_a_chat_waits_until_its_owner_approves(talk: Talk, server: ToolServer) -> None:
    chat_id, chat = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    assert chat["status"] == "requires_action"
    [call] = chat["pending_tool_calls"]
    assert (call["tool_name"], call["mcp_server_config_id"]) == ("a__look", server.id)
    assert chat["action_deadline"] > chat["updated_at"]
    for _ in range(3):  # No hint brings it any further.
        assert talk.step(chat_id)["status"] == "requires_action"
    assert server.calls == []
    decided = talk.decide(chat_id, True)
    assert decided.json()["status"] == "pending"
    assert decided.json()["pending_tool_calls"] == []
    assert talk.run(chat_id)["status"] == "waiting"
    assert numbers(server) == [1]
    assert results(talk, chat_id) == [False]


def test_a_denied_call_is_not_made_and_the_model_is_told(talk: Talk, server: ToolServer) -> None:
    chat_id, _ = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    talk.decide(chat_id, False).raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"
    assert server.calls == []
    assert "denied" in talk.answer(chat_id)


def test_calls_that_need_no_decision_wait_for_those_that_do(talk: Talk, server: ToolServer) -> None:
    chat_id, chat = talk.ask(TWO, mcp_server_ids=[server.id])
    first, second = chat["pending_tool_calls"]
    partly = talk.decide(chat_id, True, first)
    assert partly.json()["status"] == "requires_action"
    assert partly.json()["pending_tool_calls"] == [second]
    assert talk.step(chat_id)["status"] == "requires_action"
    assert server.calls == []
    talk.decide(chat_id, False, second).raise_for_status()
    talk.run(chat_id)
    assert numbers(server) == [1, 3]
    assert results(talk, chat_id) == [False, True, False]


def test_nothing_can_be_decided_twice(talk: Talk, server: ToolServer) -> None:
    chat_id, chat = talk.ask(TWO, mcp_server_ids=[server.id])
    first, second = chat["pending_tool_calls"]
    talk.decide(chat_id, True, first).raise_for_status()
    for repeated in ((first,), (first, second)):
        assert error_of(talk.decide(chat_id, False, *repeated))[0] == 409
    talk.decide(chat_id, True, second).raise_for_status()
    assert error_of(talk.decide(chat_id, True, second))[0] == 409
    talk.run(chat_id)
    assert error_of(talk.decide(chat_id, True, second))[0] == 409
    assert numbers(server) == [1, 2, 3]


def test_only_the_owner_decides(talk: Talk, server: ToolServer) -> None:
    chat_id, chat = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    [call] = chat["pending_tool_calls"]
    eve = new_person(talk.world.deployment, "eve")
    join(talk.world.deployment, default_organization(talk.world.deployment), eve)
    body = {"decisions": [{"tool_call_id": call["tool_call_id"], "approved": True}]}
    refused = eve.client.post(f"{CHATS}/{chat_id}/tool-approvals", json=body)
    assert refused.status_code == 404
    assert talk.chat(chat_id)["status"] == "requires_action"


def test_when_the_time_is_up_what_is_undecided_is_denied(talk: Talk, server: ToolServer) -> None:
    chat_id, chat = talk.ask(TWO, mcp_server_ids=[server.id])
    talk.decide(chat_id, True, chat["pending_tool_calls"][0]).raise_for_status()
    worker, clock = talk.world.deployment.services.turns, talk.world.deployment.clock
    clock.advance(minutes=59)
    assert worker.wake_stuck() == 0
    assert talk.step(chat_id)["status"] == "requires_action"
    clock.advance(minutes=1)
    assert worker.wake_stuck() == 1
    assert talk.run(chat_id)["status"] == "waiting"
    assert numbers(server) == [1, 3]
    assert results(talk, chat_id) == [False, True, False]


def test_a_message_that_comes_meanwhile_waits_or_ends_the_turn(
    talk: Talk, server: ToolServer
) -> None:
    chat_id, _ = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    assert talk.say(chat_id, "later").json()["queued"]
    assert talk.chat(chat_id)["status"] == "requires_action"
    assert not talk.say(chat_id, "now", busy_behavior="interrupt").json()["queued"]
    assert talk.run(chat_id)["status"] == "waiting"
    assert server.calls == []
    assert results(talk, chat_id) == [True]
    said = [each["content"][0]["text"] for each in talk.messages(chat_id) if each["role"] == "user"]
    assert said == ['use look {"n": 1}', "now", "later"]


def test_an_interrupted_question_is_answered_with_no(talk: Talk, server: ToolServer) -> None:
    chat_id, _ = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    assert talk.post(chat_id, "interrupt").json()["status"] == "waiting"
    assert results(talk, chat_id) == [True]
    talk.say(chat_id, "go on").raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"
    assert server.calls == []


def test_a_rule_that_becomes_stricter_counts_for_an_approved_call(
    talk: Talk, server: ToolServer
) -> None:
    chat_id, _ = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    talk.decide(chat_id, True).raise_for_status()
    server.change(tool_rules={"look": "deny"})
    talk.run(chat_id)
    assert server.calls == []
    assert results(talk, chat_id) == [True]


def test_a_tool_that_begins_to_ask_after_it_was_offered_is_not_called_unasked(
    talk: Talk, server: ToolServer
) -> None:
    chat_id = talk.start('use read {"n": 1}', mcp_server_ids=[server.id])
    assert talk.step(chat_id)["status"] == "pending"
    server.change(tool_rules={"read": "ask"})
    talk.run(chat_id)
    assert server.calls == []
    assert results(talk, chat_id) == [True]


def test_decisions_are_in_the_audit_log(talk: Talk, server: ToolServer) -> None:
    chat_id, _ = talk.ask('use look {"n": 1}', mcp_server_ids=[server.id])
    talk.decide(chat_id, True).raise_for_status()
    events = talk.client.get("/api/v2/audit", params={"object_id": chat_id}).json()
    assert "approved" in str(events)
