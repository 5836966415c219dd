"""Following a chat: what happens in it, from a cursor to the next."""

from typing import Any

import pytest

from chalicelib.chats.models import Fragment, Visibility
from chalicelib.sdk.chats import Text
from tests.support.chat_owner import Owner, new_owner, told
from tests.support.deployment import Deployment, error_of, start_deployment
from tests.support.worker import HOLDER, ask, claim, fail, finish, say

Events = list[dict[str, Any]]


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


class Follower:
    """Somebody who asks again and again with the cursor of the last answer."""

    def __init__(self, owner: Owner, path: str, **query: Any) -> None:
        self.owner, self.path, self.query = owner, f"{path}/events", query

    def look(self, **query: Any) -> Events:
        """What has happened since the last look."""
        answer = self.owner.get(self.path, **self.query, **query)
        self.query = {"cursor": answer["cursor"]}
        found: Events = answer["events"]
        return found


def brief(events: Events) -> list[str]:
    """Events in a few words."""
    words = []
    for event in events:
        kind = event["type"]
        if kind == "message":
            words.append(f"message {told(event['message'])}")
        elif kind == "status":
            words.append(event["status"])
        elif kind == "message_part":
            words.append(f"part {event['message_part']['part']['text']}")
        elif kind == "queue_update":
            words.append("queue " + ",".join(told(each) for each in event["queued_messages"]))
        else:
            words.append(kind)
    return words


def test_a_turn_is_told_as_it_happens(owner: Owner) -> None:
    path = owner.start("Hello")
    follower = Follower(owner, path)
    assert brief(follower.look()) == ["message Hello", "queue ", "pending"]
    assert follower.look() == []
    owner.work(path, claim)
    assert brief(follower.look()) == ["queue ", "running"]
    owner.say(path, "And then?").raise_for_status()
    assert brief(follower.look()) == ["queue And then?", "running"]
    owner.work(path, say("Hello yourself"), finish)
    assert brief(follower.look())[::2] == ["message Hello yourself", "waiting"]
    assert follower.look() == []


def test_whoever_has_seen_messages_is_not_told_them_again(owner: Owner) -> None:
    path = owner.start("Hello", status="waiting")
    follower = Follower(owner, path, after_id=1)
    assert brief(follower.look()) == ["message Hello yourself", "queue ", "waiting"]
    assert brief(Follower(owner, path, after_id=2).look()) == ["queue ", "waiting"]
    assert brief(Follower(owner, path, after_id=10**11).look()) == ["queue ", "waiting"]


def test_a_failure_and_a_question_are_told_with_what_belongs_to_them(owner: Owner) -> None:
    path = owner.start()
    follower = Follower(owner, path, after_id=1)
    owner.work(path, claim, fail)
    (error,) = [each for each in follower.look() if each["type"] == "error"]
    assert error["error"]["kind"] == "unavailable"
    owner.client.post(f"{path}/retry").raise_for_status()
    owner.work(path, claim, ask("call-1"))
    events = follower.look()
    assert [each["type"] for each in events] == [
        *("message", "queue_update", "status", "action_required")
    ]
    assert events[-1]["pending_tool_calls"] == [{"tool_call_id": "call-1", "tool_name": "search"}]


def test_an_edit_is_a_new_history(owner: Owner) -> None:
    path = owner.start("Hello", status="waiting")
    follower = Follower(owner, path)
    follower.look()
    owner.edit(path, 1, "Or else").raise_for_status()
    assert brief(follower.look()) == ["history_reset", "message Or else", "queue ", "pending"]
    assert follower.look() == []


def test_what_the_model_says_is_told_piece_by_piece(owner: Owner) -> None:
    path = owner.start()
    owner.work(path, claim)
    follower = Follower(owner, path)
    follower.look()
    write_fragments(owner, path, HOLDER, "Hel", "lo")
    assert brief(follower.look()) == ["part Hel", "part lo"]
    write_fragments(owner, path, HOLDER, "!", first=3)
    assert brief(follower.look()) == ["part !"]
    owner.work(path, say("Hello!"), finish)
    assert brief(follower.look())[0] == "message Hello!"


def test_another_attempt_begins_to_say_it_anew(owner: Owner) -> None:
    path = owner.start()
    owner.work(path, claim)
    follower = Follower(owner, path)
    write_fragments(owner, path, HOLDER, "Hel")
    assert brief(follower.look())[1:2] == ["part Hel"]
    other = HOLDER.replace("1", "2")
    owner.work(path, lambda making: claim(making, other))
    write_fragments(owner, path, other, "Good", " day")
    assert brief(follower.look())[:3] == ["preview_reset", "part Good", "part  day"]


def write_fragments(owner: Owner, path: str, holder: str, *texts: str, first: int = 1) -> None:
    """Show what a model has just said, as the step that streams it does."""
    deployment = owner.person.deployment
    for number, each in enumerate(texts, first):
        fragment = Fragment(message_id=2, holder=holder, sequence=number, parts=(Text(text=each),))
        deployment.services.chats._repository.add_fragment(
            path.rpartition("/")[2], fragment, deployment.clock()
        )


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "0.1.1.", "0.1.1..x", "-1.1.1..0", "0.1.1.#.0", "0.1.1..0.0", "0..1..0"),
        *("\u0661.1.1..0", "1" * 300, "0.1.1." + "a" * 300 + ".0"),
    ],
)
def test_a_forged_cursor_is_400(owner: Owner, cursor: str) -> None:
    refused = owner.client.get(f"{owner.start()}/events", params={"cursor": cursor})
    assert error_of(refused) == (400, "invalid_page")
    assert [each["field"] for each in refused.json()["validations"]] == ["cursor"]


def test_a_cursor_of_another_chat_shows_nothing_of_that_one(owner: Owner) -> None:
    follower = Follower(owner, owner.start("First", status="waiting"))
    follower.look()
    other = owner.start("Second", status="pending")
    cursor = follower.query["cursor"]
    told_there = brief(owner.get(f"{other}/events", cursor=cursor)["events"])
    assert not any("First" in each for each in told_there)


def test_whoever_waits_is_told_as_soon_as_something_happens(local_aws: None) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            owner.work(path, claim)

    owner = new_owner(start_deployment(pause=pause))
    path = owner.start()
    follower = Follower(owner, path)
    assert brief(follower.look(wait=20))[-1] == "pending"
    assert pauses == []
    assert brief(follower.look(wait=20)) == ["queue ", "running"]
    assert len(pauses) == 4
    assert follower.look(wait=3) == []
    assert sum(pauses[4:]) == pytest.approx(3, abs=0.4)
    refused = owner.client.get(f"{path}/events", params={"wait": 21})
    assert error_of(refused) == (400, "invalid_page")


def test_many_messages_that_nobody_sees_are_passed_by_in_one_wait(local_aws: None) -> None:
    pauses: list[float] = []
    owner = new_owner(start_deployment(pause=pauses.append))
    path = owner.start()
    follower = Follower(owner, path)
    follower.look()
    unseen = say("Only for the model", Visibility.MODEL)
    for _ in range(3):
        owner.work(path, *[unseen] * 40)
    assert brief(follower.look(wait=20)) == ["queue ", "pending"]
    assert len(pauses) == 2
