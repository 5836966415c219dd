"""Conversations and toolboxes that outgrow the model's context."""

import json
from collections.abc import Iterator

import pytest

from tests.support.journey import World
from tests.support.tool_server import add_tools
from tests.support.turns import Talk, talking


@pytest.fixture
def small(world: World) -> Iterator[Talk]:
    """Somebody who talks to a model with a small context: the scripted one counts characters."""
    with talking(world, context_limit=400, compression_threshold=50) as talk:
        yield talk


def summaries(talk: Talk, chat_id: str) -> list[int]:
    """Up to which message each summary goes."""
    return [each["covered_message_id"] for each in talk.parts(chat_id, "compaction")]


def prompt(talk: Talk) -> list[str]:
    """What the model was shown last, without the system prompt."""
    messages = talk.model.requests[-1]["messages"]
    return [each["content"] for each in messages if each["role"] != "system"]


def test_a_long_conversation_is_condensed_and_goes_on(small: Talk) -> None:
    chat_id, chat = small.ask("tell me " + "more " * 60)
    assert chat["status"] == "waiting"
    assert summaries(small, chat_id) == []
    small.say(chat_id, "and now?").raise_for_status()
    assert small.run(chat_id)["status"] == "waiting"
    assert summaries(small, chat_id) == [2]
    assert small.answer(chat_id) == "You said: and now?"
    shown = prompt(small)
    assert shown[0].startswith("This is a summary of the conversation so far:")
    assert shown[1:] == ["and now?"]
    assert len(small.model.requests) == 3


def test_a_chats_instructions_survive_the_summary(small: Talk) -> None:
    chat_id, _ = small.ask("tell me " + "more " * 60, system_prompt="Be brief.")
    small.say(chat_id, "and now?").raise_for_status()
    small.run(chat_id)
    assert summaries(small, chat_id) == [2]
    assert small.model.requests[-1]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_what_a_turn_has_found_out_is_condensed_only_with_what_came_before(small: Talk) -> None:
    """The question of now and the results of now stay as they are, and one summary is enough."""
    server = add_tools(small.world, "a", "look")
    server.result = {"content": [{"type": "text", "text": "found it"}]}
    chat_id, _ = small.ask("hello", mcp_server_ids=[server.id])
    question = "use look " + " ".join(["please"] * 80)
    small.say(chat_id, question).raise_for_status()
    assert small.run(chat_id)["status"] == "waiting"
    assert len(server.calls) == 1
    assert summaries(small, chat_id) == [2]
    assert prompt(small)[1:] == [question, "I use my tools.", "found it"]


def test_results_that_are_too_long_to_be_summarised_are_shortened_for_it(small: Talk) -> None:
    """Or a turn that found too much could never go on."""
    server = add_tools(small.world, "a", "look")
    server.result = {"content": [{"type": "text", "text": "found " * 5000}]}
    chat_id = small.start("use look", mcp_server_ids=[server.id])
    small.step(chat_id)
    small.step(chat_id)
    small.model_answers(400, json={"error": {"message": "x", "code": "context_length_exceeded"}})
    assert small.run(chat_id)["status"] == "waiting"
    assert summaries(small, chat_id) == [3]
    [asked] = [each for each in small.model.requests if "tools" not in each]
    assert len(json.dumps(asked)) < 2000, "of 30,000 that were found"
    assert "was left out" in json.dumps(asked)


def test_a_prompt_that_the_model_finds_too_long_is_condensed(talk: Talk) -> None:
    chat_id, _ = talk.ask("hello")
    talk.say(chat_id, "more").raise_for_status()
    refusal = {"error": {"message": "x", "code": "context_length_exceeded"}}
    talk.model_answers(400, json=refusal)
    assert talk.run(chat_id)["status"] == "waiting"
    assert summaries(talk, chat_id) == [2]
    assert talk.answer(chat_id) == "You said: more"


def test_a_single_message_that_is_too_long_fails_and_says_so(talk: Talk) -> None:
    chat_id, chat = talk.ask("hello #model:context")
    assert (chat["status"], chat["last_error"]["kind"]) == ("error", "context_too_long")
    assert summaries(talk, chat_id) == []


def test_a_summary_that_fails_is_tried_again(talk: Talk) -> None:
    chat_id, _ = talk.ask("hello")
    talk.say(chat_id, "more").raise_for_status()
    talk.model_answers(400, json={"error": {"message": "x", "code": "context_length_exceeded"}})
    talk.model_answers(503)
    talk.model_answers(400, json={"error": {"message": "x", "code": "context_length_exceeded"}})
    assert talk.run(chat_id)["status"] == "waiting"
    assert summaries(talk, chat_id) == [2]


def test_an_edit_before_the_summary_takes_it_away(small: Talk) -> None:
    chat_id, _ = small.ask("tell me " + "more " * 60)
    small.say(chat_id, "and now?").raise_for_status()
    small.run(chat_id)
    path = f"/api/experimental/chats/{chat_id}/messages/1"
    body = {"content": [{"type": "text", "text": "something else"}]}
    small.client.patch(path, json=body).raise_for_status()
    small.run(chat_id)
    assert prompt(small) == ["something else"]
    assert summaries(small, chat_id) == []


def test_tools_that_would_crowd_the_context_are_found_first(world: World) -> None:
    tools = [
        {"name": f"tool_{n}", "description": f"Makes number {n}. " * 20, "inputSchema": {}}
        for n in ("seven", "eight", "nine")
    ]
    with talking(world, context_limit=1000) as talk:
        server = add_tools(world, "a", *tools)
        chat_id, _ = talk.ask('use find_tools {"query": "eight"}', mcp_server_ids=[server.id])
        assert talk.offered == ["create_workspace", "find_tools", "a__tool_eight"]
        assert talk.result(chat_id)["result"].startswith("- a__tool_eight: Makes number eight.")
        talk.say(chat_id, "use tool_eight").raise_for_status()
        talk.run(chat_id)
        assert len(server.calls) == 1
        assert json.dumps(talk.model.requests[-1]["tools"]).count("Makes number nine") == 0
