"""A chat's turn, step by step: the model is asked, tools are called, everything is stored."""

from tests.support.chats import CHATS
from tests.support.turns import Talk


def test_a_question_is_answered(talk: Talk) -> None:
    chat_id, chat = talk.ask("What is open?")
    assert chat["status"] == "waiting"
    assert talk.answer(chat_id) == "You said: What is open?"
    question, answer = talk.messages(chat_id)
    assert (question["id"], answer["id"], answer["role"]) == (1, 2, "assistant")
    assert answer["model_config_id"] == talk.model_id
    assert answer["usage"]["total_tokens"] > 0
    assert chat["has_unread"]


def test_a_tool_is_called_with_the_owners_connection_and_its_answer_goes_to_the_model(
    talk: Talk,
) -> None:
    server_id = talk.world.connected()
    chat_id, chat = talk.ask('use search {"q": "open"}', mcp_server_ids=[server_id])
    assert chat["status"] == "waiting"
    kinds = [
        (each["role"], [part["type"] for part in each["content"]])
        for each in talk.messages(chat_id)
    ]
    assert kinds == [
        ("user", ["text"]),
        ("assistant", ["text", "tool-call"]),
        ("tool", ["tool-result"]),
        ("assistant", ["text"]),
    ]
    [call], [result] = talk.parts(chat_id, "tool-call"), talk.parts(chat_id, "tool-result")
    assert call["tool_name"] == "tickets__search"
    assert call["mcp_server_config_id"] == result["mcp_server_config_id"] == server_id
    assert call["args"] == {"q": "open"}
    assert result["tool_call_id"] == call["tool_call_id"]
    assert not result["is_error"]
    assert result["result"] in talk.answer(chat_id)


def test_the_chats_model_finds_it_a_title(talk: Talk) -> None:
    chat_id, _ = talk.ask("What is open?")
    renamed = talk.client.post(f"{CHATS}/{chat_id}/title/regenerate")
    assert renamed.status_code == 200, renamed.text
    title = renamed.json()["title"]
    assert title.startswith("You said: user: What is open?")
    assert talk.chat(chat_id)["title"] == title
    talk.client.delete(f"{CHATS}/{chat_id}").raise_for_status()
    assert talk.client.post(f"{CHATS}/{chat_id}/title/regenerate").status_code == 404
