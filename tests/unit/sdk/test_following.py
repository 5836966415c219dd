"""Following a chat: each event once and in order, whatever happens to the connection."""

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx
import pytest

from chalicelib.sdk import Client, NotFoundError, RetryPolicy, SDKError, UnreachableError
from chalicelib.sdk.chats import StreamEvent
from chalicelib.sdk.reading import read_document
from tests.support.chat_feed import (
    CHAT_ID,
    Event,
    Failure,
    Feed,
    asks,
    chat,
    failed,
    now,
    said,
    saying,
    text,
)

TURN: list[list[Event]] = [
    [said(1, text("What is new?"), role="user"), *now("pending")],
    [*now("running"), saying(2, "Much ")],
    [saying(2, "is.")],
    [said(2, text("Much is.")), *now("waiting")],
]
LOST = httpx.ReadTimeout("lost")


@dataclass
class Followed:
    feed: Feed
    waits: list[float] = field(default_factory=list)

    def client(self, **options: Any) -> Client:
        retries = options.pop("retries", RetryPolicy(jitter=lambda: 1.0))
        return Client(
            "https://ciborium.example/prod",
            "token",
            transport=self.feed,
            retries=retries,
            sleep=self.waits.append,
            **options,
        )


def refusal(status: int) -> httpx.Response:
    return httpx.Response(status, json={"message": "No.", "code": "c", "request_id": "r"})


def flat(script: list[list[Event]]) -> list[Event]:
    return [event for batch in script for event in batch]


def same(events: list[StreamEvent], script: list[list[Event]]) -> bool:
    expected = [read_document(StreamEvent, each) for each in flat(script)]
    return events == expected


def test_a_turn_is_followed_until_the_chat_is_at_rest() -> None:
    feed = Feed(TURN)
    events = list(Followed(feed).client().experimental.stream_chat(CHAT_ID))
    assert same(events, TURN)
    assert feed.polls == [
        {"after_id": "0", "wait": "20"},
        *({"cursor": str(number), "wait": "20"} for number in (1, 2, 3)),
    ]


@pytest.mark.parametrize(
    "failure",
    [LOST, httpx.ConnectError("down"), *(refusal(status) for status in (429, 502, 503, 504))],
)
def test_no_event_is_lost_or_repeated_when_answers_are(failure: Failure) -> None:
    failures = {number: [failure] * 6 for number in range(4)}
    followed = Followed(Feed(TURN, failures))
    events = list(followed.client().experimental.stream_chat(CHAT_ID))
    assert same(events, TURN)
    assert followed.waits[:6] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]


def test_it_gives_up_in_the_end_and_can_go_on_from_there() -> None:
    followed = Followed(Feed(TURN, {2: [LOST] * 12}))
    session = followed.client().experimental.chat(CHAT_ID)
    before = list(islice(session.stream(), len(flat(TURN[:2]))))
    with pytest.raises(UnreachableError):
        list(session.stream())
    assert len(followed.feed.polls) == 2 + 12
    assert max(followed.waits) == 20.0
    assert same([*before, *session.stream()], TURN)


def test_what_was_left_in_the_middle_goes_on_there() -> None:
    session = Followed(Feed(TURN)).client().experimental.chat(CHAT_ID)
    events: list[StreamEvent] = []
    for _ in range(len(flat(TURN))):
        events += islice(session.stream(), 1)
    assert same(events, TURN)
    assert list(session.stream()) == []


@pytest.mark.parametrize(
    ("end", "last"),
    [(failed("The model is out of reach."), "error"), (asks(("c", "t")), "action_required")],
)
def test_a_chat_that_failed_or_asks_is_at_rest(end: list[Event], last: str) -> None:
    feed = Feed([TURN[0], end])
    events = list(Followed(feed).client().experimental.stream_chat(CHAT_ID))
    assert events[-1].type == last
    assert len(feed.polls) == 2


def test_who_does_not_decide_can_follow_on_until_somebody_has() -> None:
    script = [TURN[0], asks(("c", "t")), [], *TURN[1:]]
    stream = (
        Followed(Feed(script)).client().experimental.stream_chat(CHAT_ID, stop_for_approvals=False)
    )
    assert same(list(stream), script)


def test_a_long_history_of_a_chat_at_rest_comes_whole() -> None:
    history = [[said(1, text("a"))], [said(2, text("b"))], [said(3, text("c")), *now("waiting")]]
    feed = Feed(history, status="waiting")
    assert same(list(Followed(feed).client().experimental.stream_chat(CHAT_ID)), history)


def test_a_chat_at_rest_is_not_waited_for() -> None:
    feed = Feed([[*now("waiting")]])
    session = Followed(feed).client().experimental.chat(CHAT_ID, after_id=7)
    assert len(list(session.stream())) == 2
    assert list(session.stream()) == []
    assert feed.polls == [{"after_id": "7", "wait": "20"}, {"cursor": "1"}]


def test_the_next_turn_is_followed_from_where_the_last_ended() -> None:
    feed = Feed(list(TURN))
    reply = {"queued": False, "message": said(3, text("And?"), role="user")["message"]}
    feed.answers[("POST", "/messages")] = lambda: httpx.Response(200, json=reply)
    session = Followed(feed).client().experimental.chat(CHAT_ID)
    list(session.stream())
    sent = session.send("And?")
    assert sent.message is not None
    assert feed.posted == [("/messages", {"content": [{"type": "text", "text": "And?"}]})]
    more = [[reply_event(reply), *now("pending")], [said(4, text("No.")), *now("waiting")]]
    feed.script += more
    assert same(list(session.stream()), more)


def reply_event(reply: dict[str, Any]) -> Event:
    return {"type": "message", "message": reply["message"]}


def test_decisions_and_interrupts_are_the_chats() -> None:
    feed = Feed([])
    for end in ("/tool-approvals", "/interrupt"):
        feed.answers[("POST", end)] = lambda: httpx.Response(200, json=chat("pending"))
    session = Followed(feed).client().experimental.chat(CHAT_ID)
    assert session.decide({"c": True, "d": False}).status == "pending"
    assert session.interrupt().id == CHAT_ID
    decisions = [
        {"tool_call_id": "c", "approved": True},
        {"tool_call_id": "d", "approved": False},
    ]
    assert feed.posted == [("/tool-approvals", {"decisions": decisions}), ("/interrupt", None)]


def test_an_answer_that_is_final_ends_it() -> None:
    stream = Followed(Feed(TURN, {1: [refusal(404)]})).client().experimental.stream_chat(CHAT_ID)
    with pytest.raises(NotFoundError):
        list(stream)


def test_it_does_not_follow_a_silent_chat_for_ever() -> None:
    followed = Followed(Feed(TURN[:2]))
    with pytest.raises(SDKError, match="Follow it again"):
        list(followed.client().experimental.stream_chat(CHAT_ID))
    assert len(followed.feed.polls) == 202
    assert followed.waits == [0.2] * 200


def test_an_answer_that_is_put_off_is_not_taken_for_a_lost_one() -> None:
    limits: list[Any] = []
    feed = Feed(TURN)

    def note_timeout(request: httpx.Request) -> httpx.Response:
        limits.append(request.extensions["timeout"]["read"])
        return feed.handle_request(request)

    with Client("https://c.example", "t", transport=httpx.MockTransport(note_timeout)) as client:
        list(client.experimental.stream_chat(CHAT_ID))
    assert limits == [55.0] * 4
