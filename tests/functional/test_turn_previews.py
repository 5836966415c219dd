"""Following a turn: what the model says is shown while it says it."""

from typing import Any

from tests.support.chats import CHATS
from tests.support.turns import Talk, Watched, told


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in events]


def preview(events: list[dict[str, Any]]) -> str:
    """What is on the screen of somebody who obeys the resets."""
    shown = ""
    for event in events:
        shown = "" if event["type"] in {"preview_reset", "message"} else shown + told(event)
    return shown


def test_words_are_shown_before_their_message_is_there(talk: Talk) -> None:
    chat_id = talk.start("a story that takes its time #model:slow")
    watched = Watched(talk, chat_id)
    with talk.working(chat_id):
        early = watched.wait_for("message_part")
        assert talk.chat(chat_id)["status"] == "running"
        assert "You said: a story that takes its time".startswith(preview(early))
        assert [each["message_part"]["message_id"] for each in early if told(each)] == [2]
        late = watched.wait_for("message")
    everything = [*early, *late]
    words = "".join(told(each) for each in everything)
    assert "You said: a story that takes its time".startswith(words)
    assert len(words) > len(preview(early)), "they go on coming"
    [question, answer] = [each["message"] for each in everything if each["type"] == "message"]
    assert question["id"] == 1
    assert (answer["id"], answer["content"][0]["text"]) == (2, talk.answer(chat_id))
    assert "preview_reset" not in kinds(everything)


def test_a_preview_whose_attempt_failed_is_withdrawn_at_once(talk: Talk) -> None:
    """Not only when the next attempt begins: that may be a minute later, or never."""
    talk.model.delay = 0.3  # Between the pieces: long enough for somebody to see the first.
    chat_id = talk.start("hello, and what is more #model:half")
    watched = Watched(talk, chat_id)
    watched.follow()
    with talk.working(chat_id):
        seen = watched.wait_for("message_part")
    assert preview(seen)
    seen += watched.follow()
    assert talk.chat(chat_id)["status"] == "pending"
    assert kinds(seen).count("preview_reset") == 1
    assert preview(seen) == ""
    assert "preview_reset" not in kinds(watched.follow())


def test_a_message_that_has_come_withdraws_nothing_later(talk: Talk) -> None:
    chat_id = talk.start("a story that takes its time #model:slow")
    watched = Watched(talk, chat_id)
    with talk.working(chat_id):
        watched.wait_for("message_part")
    seen = watched.follow()
    talk.say(chat_id, "another one, please #model:slow").raise_for_status()
    with talk.working(chat_id):
        seen += watched.wait_for("message_part")
        seen += watched.wait_for("message")
    assert "preview_reset" not in kinds(seen)


def test_an_edit_tells_followers_to_begin_anew(talk: Talk) -> None:
    chat_id = talk.start("first #model:stall")
    watched = Watched(talk, chat_id)
    with talk.working(chat_id):
        watched.wait_for("message_part")
        body = {"content": [{"type": "text", "text": "second"}]}
        talk.client.patch(f"{CHATS}/{chat_id}/messages/1", json=body).raise_for_status()
        seen = watched.wait_for("history_reset")
    talk.run(chat_id)
    seen += watched.follow()
    words = [each["message"]["content"][0]["text"] for each in seen if each["type"] == "message"]
    assert words == ["second", "You said: second"]


def test_a_follower_learns_of_waiting_calls_and_errors(talk: Talk) -> None:
    chat_id, chat = talk.ask("hello #model:400")
    seen = Watched(talk, chat_id).follow()
    assert kinds(seen) == ["message", "queue_update", "status", "error"]
    assert seen[-1]["error"] == chat["last_error"]


def test_two_followers_see_the_same(talk: Talk) -> None:
    chat_id = talk.start("a story that takes its time #model:slow")
    first, second = Watched(talk, chat_id), Watched(talk, chat_id)
    with talk.working(chat_id):
        seen = first.wait_for("message_part")
    seen += first.follow()
    again = second.follow()
    of_messages = [
        [each for each in events if each["type"] == "message"] for events in (seen, again)
    ]
    assert of_messages[0] == of_messages[1]
