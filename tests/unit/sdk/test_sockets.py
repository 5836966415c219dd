"""Following through a socket: the same events, whatever comes through it or does not."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from chalicelib.sdk import Client, NotFoundError
from chalicelib.sdk.chats import ChatStatus, StreamEvent, StreamEvents, StreamMessage
from chalicelib.sdk.following import Follower
from chalicelib.sdk.reading import read_document
from chalicelib.sdk.sockets import OpenSocket, Socket, SocketClosedError, find_opener
from tests.support.chat_feed import CHAT_ID, Event, now, said, saying, text

TURN: list[list[Event]] = [
    [said(1, text("What is new?"), role="user"), *now("pending")],
    now("running"),
    [saying(2, "Much ")],
    [saying(2, "is.")],
    [said(2, text("Much is.")), *now("waiting")],
]


def data(number: int) -> StreamMessage:
    """What tells one batch of the turn: cursors count the batches that were seen."""
    states = [each["status"] for batch in TURN[: number + 1] for each in batch if "status" in each]
    return read_document(
        StreamMessage,
        {
            "type": "data",
            "since": str(number),
            "cursor": str(number + 1),
            "status": states[-1],
            "data": TURN[number],
        },
    )


PING = StreamMessage(type="ping")
Step = StreamMessage | None | Exception


@dataclass
class Deployment:
    """Where a turn goes on by one batch with each thing that a socket does.

    Attributes:
        script: what each receive of a socket brings: a message, nothing, or its end.
        happened: how many batches there are to be asked for.
    """

    script: list[Step]
    happened: int = 1
    refusals: int = 0
    asked: list[tuple[str | None, int]] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def get_chat_events(
        self, chat_id: str, *, cursor: str | None = None, after_id: int | None = None, wait: int = 0
    ) -> StreamEvents:
        self.asked.append((cursor, wait))
        if wait and cursor is not None and int(cursor) == self.happened < len(TURN):
            self.happened += 1  # What is waited for.
        events = [each for batch in TURN[int(cursor or 0) : self.happened] for each in batch]
        states = [
            each["status"] for batch in TURN[: self.happened] for each in batch if "status" in each
        ]
        return read_document(
            StreamEvents, {"events": events, "cursor": str(self.happened), "status": states[-1]}
        )

    def find_socket_opener(self) -> OpenSocket | None:
        return self._open

    def _open(self, chat_id: str) -> Socket:
        self.opened += 1
        if self.refusals:
            self.refusals -= 1
            raise SocketClosedError
        return self

    def receive(self, seconds: float) -> StreamMessage | None:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None and step.cursor is not None:
            self.happened = max(self.happened, int(step.cursor))
        return step

    def close(self) -> None:
        self.closed += 1


def follow(deployment: Deployment) -> list[StreamEvent]:
    follower, events = Follower(deployment, CHAT_ID, 0), []
    for _ in range(20):
        events += follower.next_events(20)
        if follower.is_current and follower.status is ChatStatus.WAITING:
            follower.close()
            return events
    raise AssertionError(f"the turn never ended: {deployment.asked}")


EVERYTHING = [read_document(StreamEvent, each) for batch in TURN for each in batch]


def test_what_is_pushed_need_not_be_asked_for() -> None:
    deployment = Deployment([data(1), data(2), data(3), data(4)])
    assert follow(deployment) == EVERYTHING
    assert deployment.asked == [(None, 20)]
    assert (deployment.opened, deployment.closed) == (1, 1)


def test_until_something_is_pushed_it_goes_on_polling() -> None:
    deployment = Deployment([None, None, data(3), data(4)])
    assert follow(deployment) == EVERYTHING
    assert deployment.asked == [(None, 20), ("1", 20), ("2", 20)]


@pytest.mark.parametrize(
    "script",
    [
        [data(1), data(1), data(2), data(1), data(3), data(3), data(4)],
        [data(1), data(3), None, data(4)],
        [data(2), data(3), data(4), None],
        [data(1), PING, data(2), PING, None, data(3), data(4)],
        [data(1), data(2), data(4), None],
        [SocketClosedError(), data(2), SocketClosedError(), data(4)],
        [data(1), SocketClosedError(), SocketClosedError(), SocketClosedError()],
        [],
    ],
)
def test_messages_that_are_lost_doubled_or_late_lose_and_double_no_event(
    script: list[Step],
) -> None:
    deployment = Deployment(list(script))
    assert follow(deployment) == EVERYTHING
    assert deployment.opened <= 4


def test_a_socket_that_is_refused_again_and_again_is_done_without() -> None:
    deployment = Deployment([], refusals=9)
    assert follow(deployment) == EVERYTHING
    assert deployment.opened == 3


def test_what_was_silently_lost_is_looked_for_after_a_while() -> None:
    """The deployment pushed once, and then no more, as when its gateway is out of order."""
    deployment = Deployment([data(1), None])
    follower = Follower(deployment, CHAT_ID, 0)
    assert len(follower.next_events(20)) == 3
    assert len(follower.next_events(20)) == 2
    deployment.happened = 4
    assert [each.type for each in follower.next_events(20)] == ["message_part", "message_part"]
    assert deployment.asked[-1] == ("2", 0)


def test_without_the_package_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websocket", None)
    assert find_opener("wss://stream.example/api", "token") is None


def test_an_address_that_is_none_is_a_socket_that_is_closed() -> None:
    opener = find_opener("ws://127.0.0.1:1/api", "token")
    assert opener
    with pytest.raises(SocketClosedError):
        opener(CHAT_ID)


def answering(info: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: (
        httpx.Response(200, json=info)
        if request.url.path.endswith("/buildinfo")
        else httpx.Response(404, json={"message": "No.", "code": "c", "request_id": "r"})
    )


def test_a_transport_of_ones_own_is_the_only_way_out() -> None:
    info = {"version": "1", "dashboard_url": "x", "chat_stream_url": "wss://stream.example/api"}
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answering(info)(request)

    with Client("https://c.example", "t", transport=httpx.MockTransport(handle)) as client:
        assert client.experimental.find_socket_opener() is None
        with pytest.raises(NotFoundError):
            list(client.experimental.stream_chat(CHAT_ID))
    assert not [path for path in asked if path.endswith("/buildinfo")]
