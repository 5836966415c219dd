"""Models that fail: a step is tried again where that may help, and the owner sees the end of it."""

import json
from typing import Any

import pytest

from chalicelib.turns.thinking import MOST_TRIES
from chalicelib.turns.worker import MOST_STEPS
from infra.local.scripted_model import UNTOLD
from tests.support.chat_models import CONFIGS
from tests.support.tool_server import add_tools
from tests.support.turns import Talk


def sent_hints(talk: Talk) -> list[int]:
    """The delays of all hints from now on."""
    delays: list[int] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        delays.append(params["DelaySeconds"])

    client = talk.world.deployment.sqs
    client.meta.events.register("provide-client-params.sqs.SendMessage", note)
    return delays


def roles(talk: Talk, chat_id: str) -> list[str]:
    return [each["role"] for each in talk.messages(chat_id)]


@pytest.mark.parametrize(
    ("fault", "kind", "tries"),
    [
        ("429", "rate_limited", MOST_TRIES),
        ("500", "unavailable", MOST_TRIES),
        ("503", "unavailable", MOST_TRIES),
        ("garbage", "broken_answer", MOST_TRIES),
        ("garbage-stream", "broken_answer", MOST_TRIES),
        ("half", "broken_answer", MOST_TRIES),
        ("half-clean", "broken_answer", MOST_TRIES),
        ("error-midway", "unavailable", MOST_TRIES),
        ("400", "rejected", 1),
        ("401", "credentials", 1),
        ("404", "rejected", 1),
        ("context", "context_too_long", 1),
        ("empty", "empty_answer", 1),
    ],
)
def test_a_fault_that_stays_ends_the_turn_with_its_kind(
    talk: Talk, fault: str, kind: str, tries: int
) -> None:
    chat_id, chat = talk.ask(f"hello #model:{fault}")
    assert chat["status"] == "error"
    assert chat["last_error"]["kind"] == kind
    assert len(talk.model.requests) == tries
    assert roles(talk, chat_id) == ["user"]
    assert UNTOLD not in json.dumps(chat) + "".join(talk.world.deployment.log_lines)


def test_a_fault_that_passes_is_nobodys_business(talk: Talk) -> None:
    chat_id, chat = talk.ask("hello #model:flaky")
    assert chat["status"] == "waiting"
    assert "last_error" not in chat
    assert roles(talk, chat_id) == ["user", "assistant"]


def test_a_step_is_tried_again_after_growing_pauses(talk: Talk) -> None:
    delays = sent_hints(talk)
    talk.ask("hello #model:500")
    assert delays == [0, 1, 3, 7]


def test_a_provider_that_says_how_long_to_wait_is_heeded(talk: Talk) -> None:
    """It says one second, which the second and later pauses exceed anyway."""
    delays = sent_hints(talk)
    chat_id = talk.start("hello #model:429")
    talk.step(chat_id)
    assert delays == [0, 1]


@pytest.mark.parametrize(("told", "pause"), [("20", 20), ("9999", 60)])
def test_a_long_wait_is_heeded_within_reason(talk: Talk, told: str, pause: int) -> None:
    delays = sent_hints(talk)
    chat_id = talk.start("hello")
    talk.model_answers(429, headers={"Retry-After": told})
    talk.step(chat_id)
    assert delays == [0, pause]


def test_the_owner_sees_what_happened_and_a_retry_goes_on_from_there(talk: Talk) -> None:
    """The tool is not called again: only the step that failed is repeated."""
    server = add_tools(talk.world, "a", "look")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    talk.step(chat_id)
    talk.step(chat_id)
    for _ in range(MOST_TRIES):
        talk.model_answers(503)
    chat = talk.run(chat_id)
    assert chat["last_error"] == {
        "message": chat["last_error"]["message"],
        "kind": "unavailable",
        "provider": "openai",
        "retryable": True,
        "status_code": 503,
    }
    assert talk.post(chat_id, "retry").json()["status"] == "pending"
    chat = talk.run(chat_id)
    assert chat["status"] == "waiting"
    assert "last_error" not in chat
    assert len(server.calls) == 1
    assert roles(talk, chat_id) == ["user", "assistant", "tool", "assistant"]


def test_an_answer_that_stops_for_length_is_kept(talk: Talk) -> None:
    chat_id, chat = talk.ask("hello #model:length")
    assert chat["status"] == "waiting"
    assert talk.answer(chat_id) == "This answer stops in the"


def test_a_refusal_is_an_answer(talk: Talk) -> None:
    chat_id, chat = talk.ask("hello #model:refusal")
    assert chat["status"] == "waiting"
    assert talk.answer(chat_id) == "I cannot help with that."


def test_what_a_model_thinks_is_kept_and_not_told_to_it_again(talk: Talk) -> None:
    chat_id, _ = talk.ask("hello #model:reasoning")
    assert [each["type"] for each in talk.messages(chat_id)[-1]["content"]] == ["reasoning", "text"]
    assert talk.messages(chat_id)[-1]["usage"]["reasoning_tokens"] > 0
    talk.say(chat_id, "more").raise_for_status()
    talk.run(chat_id)
    assert "Let me think" not in json.dumps(talk.model.requests[-1])


def test_a_long_answer_is_kept_whole(talk: Talk) -> None:
    chat_id, _ = talk.ask("hello #model:long")
    assert talk.answer(chat_id) == "All work and no play. " * 4600


def test_arguments_that_are_no_json_are_told_to_the_model_and_call_nobody(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look", availability="force_on")
    chat_id, chat = talk.ask("hello #model:bad-arguments")
    assert chat["status"] == "waiting"
    assert talk.result(chat_id)["is_error"]
    assert "no JSON object" in talk.result(chat_id)["result"]
    assert server.calls == []


@pytest.mark.parametrize(
    "arguments",
    ['{"n": NaN}', '{"n": 1e999}', '{"n": ' + "[" * 300 + "]" * 300 + "}", '{"n": "\\ud83d"}'],
    ids=["NaN", "infinite", "deep", "half a character"],
)
def test_arguments_that_could_not_be_stored_are_told_to_the_model_and_call_nobody(
    talk: Talk, arguments: str
) -> None:
    server = add_tools(talk.world, "a", "look", availability="force_on")
    chat_id, chat = talk.ask(f"use look {arguments}")
    assert chat["status"] == "waiting"
    [call] = talk.parts(chat_id, "tool-call")
    assert call["args"] == arguments
    assert "no JSON object" in talk.result(chat_id)["result"]
    assert server.calls == []


def test_a_tool_that_does_not_exist_is_told_to_the_model(talk: Talk) -> None:
    chat_id, chat = talk.ask("hello #model:unknown-tool")
    assert chat["status"] == "waiting"
    assert talk.result(chat_id)["result"] == "There is no tool called no_such_tool."


def test_many_calls_at_once_are_all_made_and_answered_together(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look", availability="force_on")
    words = " and ".join(f'use look {{"n": {number}}}' for number in range(16))
    chat_id, chat = talk.ask(words)
    assert chat["status"] == "waiting"
    assert sorted(each["arguments"]["n"] for each in server.calls) == list(range(16))
    assert roles(talk, chat_id) == ["user", "assistant", "tool", "assistant"]
    called = [each["tool_call_id"] for each in talk.parts(chat_id, "tool-call")]
    assert [each["tool_call_id"] for each in talk.parts(chat_id, "tool-result")] == called
    assert sorted(server.call_ids) == sorted(set(server.call_ids)), "each has an id of its own"


def test_a_turn_without_end_is_ended(talk: Talk) -> None:
    """The loop calls `create_workspace` without a name: that fails, and does nothing."""
    chat_id = talk.start("hello #model:loop")
    for _ in range(MOST_STEPS + 10):
        chat = talk.step(chat_id)
        if chat["status"] == "error":
            break
    assert chat["last_error"]["kind"] == "too_many_steps"
    assert str(MOST_STEPS) in chat["last_error"]["message"]
    assert len(talk.model.requests) == MOST_STEPS // 2


def test_a_model_that_is_gone_is_named_and_another_one_goes_on(talk: Talk) -> None:
    chat_id = talk.start("hello")
    with talk.world.deployment.admin as admin:
        admin.patch(f"{CONFIGS}/{talk.model_id}", json={"enabled": False}).raise_for_status()
    chat = talk.run(chat_id)
    assert (chat["status"], chat["last_error"]["kind"]) == ("error", "model_unavailable")
    with talk.world.deployment.admin as admin:
        admin.patch(f"{CONFIGS}/{talk.model_id}", json={"enabled": True}).raise_for_status()
    assert talk.post(chat_id, "retry").status_code == 200
    assert talk.run(chat_id)["status"] == "waiting"
