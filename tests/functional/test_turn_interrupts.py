"""Whoever interrupts does not wait for models or tools, and loses nothing that was said."""

import threading

import pytest

from tests.support.chats import CHATS, text
from tests.support.tool_server import add_tools
from tests.support.turns import Talk


def interrupt(talk: Talk, chat_id: str) -> None:
    """The owner interrupts a step that is at work."""
    answer = talk.post(chat_id, "interrupt")
    assert (answer.status_code, answer.json()["status"]) == (200, "interrupting")


def said(talk: Talk, chat_id: str) -> list[tuple[str, str]]:
    """Every message: who said it, and its text or kind of content."""
    return [
        (each["role"], "".join(part.get("text", part["type"]) for part in each["content"]))
        for each in talk.messages(chat_id)
    ]


def test_an_interrupt_before_the_first_step_ends_the_turn_at_once(talk: Talk) -> None:
    chat_id = talk.start("hello")
    assert talk.post(chat_id, "interrupt").json()["status"] == "waiting"
    assert talk.step(chat_id)["status"] == "waiting"
    assert talk.model.requests == []
    assert said(talk, chat_id) == [("user", "hello")]


@pytest.mark.parametrize("fault", ["silence", "stall"])
def test_a_silent_model_is_not_waited_for(talk: Talk, fault: str) -> None:
    """It would be silent for ten minutes."""
    chat_id = talk.start(f"hello #model:{fault}")
    talk.meanwhile.append(lambda: interrupt(talk, chat_id))
    assert talk.step(chat_id)["status"] == "waiting"
    assert len(talk.model.requests) == 1


def test_what_was_said_before_the_interrupt_stays_and_the_model_is_shown_it(talk: Talk) -> None:
    chat_id = talk.start("hello there #model:stall")
    with talk.working(chat_id) as step:
        parts = step.wait_for_parts()
        interrupt(talk, chat_id)
    assert talk.chat(chat_id)["status"] == "waiting"
    assert said(talk, chat_id) == [("user", "hello there #model:stall"), ("assistant", parts)]
    talk.say(chat_id, "go on").raise_for_status()
    talk.run(chat_id)
    assert talk.model.requests[-1]["messages"][1] == {"role": "assistant", "content": parts}


def test_the_next_message_begins_its_turn_as_soon_as_the_interrupted_one_is_over(
    talk: Talk,
) -> None:
    chat_id = talk.start("hello #model:silence")

    def say() -> None:
        assert talk.say(chat_id, "later").json()["queued"]
        body = {"content": text("now"), "busy_behavior": "interrupt"}
        assert talk.client.post(f"{CHATS}/{chat_id}/messages", json=body).json()["queued"]

    talk.meanwhile.append(say)
    assert talk.step(chat_id)["status"] == "pending"
    assert talk.run(chat_id)["status"] == "waiting"
    assert said(talk, chat_id) == [
        ("user", "hello #model:silence"),
        ("user", "now"),
        ("assistant", "You said: now"),
        ("user", "later"),
        ("assistant", "You said: later"),
    ]


def test_calls_that_an_interrupted_model_wanted_are_not_made(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    talk.meanwhile.append(lambda: interrupt(talk, chat_id))
    chat = talk.step(chat_id)
    assert chat["status"] == "waiting"
    assert server.calls == []
    calls = [each["tool_call_id"] for each in talk.parts(chat_id, "tool-call")]
    assert [each["tool_call_id"] for each in talk.parts(chat_id, "tool-result")] == calls
    talk.say(chat_id, "go on").raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"
    assert server.calls == []


def test_a_hanging_tool_is_not_waited_for_and_the_others_results_are_kept(talk: Talk) -> None:
    over = threading.Event()
    quick, hanging = add_tools(talk.world, "quick", "look"), add_tools(talk.world, "slow", "look")
    quick.result = {"content": [{"type": "text", "text": "found"}]}
    ids = [quick.id, hanging.id]
    chat_id = talk.start("use quick__look and use slow__look", mcp_server_ids=ids)
    talk.step(chat_id)

    def hang() -> None:
        interrupt(talk, chat_id)
        over.wait(20)

    hanging.meanwhile = hang
    chat = talk.step(chat_id)
    assert not over.is_set()
    over.set()
    assert chat["status"] == "waiting"
    first, second = talk.parts(chat_id, "tool-result")
    assert (first["result"], first["is_error"]) == ("found", False)
    assert second["is_error"]
    assert "interrupted" in second["result"]


def test_a_turn_that_ends_while_it_is_interrupted_has_ended(talk: Talk) -> None:
    chat_id = talk.start("hello")
    talk.meanwhile.append(lambda: interrupt(talk, chat_id))
    assert talk.step(chat_id)["status"] == "waiting"
    assert talk.post(chat_id, "interrupt").status_code == 409


def test_an_interrupt_ends_a_turn_whose_worker_is_lost_and_what_is_queued_goes_on(
    talk: Talk,
) -> None:
    chat_id = talk.start("hello")
    talk.lose_a_worker(chat_id)
    assert talk.say(chat_id, "later").json()["queued"]
    interrupt(talk, chat_id)
    worker, clock = talk.world.deployment.services.turns, talk.world.deployment.clock
    assert talk.step(chat_id)["status"] == "interrupting"
    clock.advance(seconds=31)
    assert worker.wake_stuck() == 1
    assert talk.run(chat_id)["status"] == "waiting"
    assert said(talk, chat_id)[1:] == [("user", "later"), ("assistant", "You said: later")]


def test_an_interrupted_turn_is_no_failed_one(talk: Talk) -> None:
    chat_id = talk.start("hello")
    talk.model_answers(500)
    talk.meanwhile.append(lambda: interrupt(talk, chat_id))
    chat = talk.step(chat_id)
    assert chat["status"] == "waiting"
    assert "last_error" not in chat
