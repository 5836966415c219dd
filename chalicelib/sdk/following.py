"""How a chat is followed, over whatever carries its events."""

from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from .chats import ChatStatus, StreamEvent, StreamEvents, StreamEventType
from .exceptions import SDKError
from .sockets import OpenSocket, Socket, SocketClosedError

_MOST_OPENINGS = 3
_LOOKED_EVERY_SECONDS = 5.0


class EventSource(Protocol):
    """Where events come from: the clients' methods."""

    def get_chat_events(
        self, chat_id: str, *, cursor: str | None = None, after_id: int | None = None, wait: int = 0
    ) -> StreamEvents:
        """What has happened since a cursor."""

    def find_socket_opener(self) -> OpenSocket | None:
        """What opens sockets, if the deployment and this client have them."""


class Follower:
    """Gets the events of one chat, each once and in order: through a socket, or by long polls.

    This is the one place that knows how events travel. A socket is only ever a shortcut: each of
    its messages names the cursor that it goes on from, and whoever is not there asks the API. So
    nothing is lost or told twice when messages are; and until the first one has come, polls go on.

    Attributes:
        status: of the chat, as far as it is known.
        is_current: whether everything that had happened by the last answer has been given out.
    """

    def __init__(self, source: EventSource, chat_id: str, after_id: int) -> None:
        self._source = source
        self._chat_id = chat_id
        self._after_id = after_id
        self._cursor: str | None = None
        self._socket: Socket | None = None
        self._openings_left = _MOST_OPENINGS
        self._is_pushed_to = False
        self.status: ChatStatus | None = None
        self.is_current = False

    def next_events(self, wait: int) -> list[StreamEvent]:
        """What has happened since the last call; none if nothing does within `wait` seconds.

        Raises:
            UnreachableError, RateLimitedError, UnavailableError: for too long. The next call goes
                on where this one failed.
            APIError: the chat cannot be followed any more.
        """
        if wait and self._cursor is not None:
            self._open()
        if self._socket is None or not wait:
            return self._poll(wait)
        try:
            return self._listen(self._socket, wait)
        except SocketClosedError:
            self.close()
            return self._poll(wait)

    def close(self) -> None:
        """Close the socket, if there is one; the next call may open another."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._is_pushed_to = None, False

    def _open(self) -> None:
        if self._socket is not None or not self._openings_left:
            return
        try:
            opener = self._source.find_socket_opener()
            self._openings_left = self._openings_left - 1 if opener else 0
            self._socket = opener(self._chat_id) if opener else None
        except (SDKError, SocketClosedError):
            self._socket = None  # A poll tells what is wrong, or that nothing is.

    def _listen(self, socket: Socket, wait: int) -> list[StreamEvent]:
        give_up = monotonic() + wait
        is_behind = not self._is_pushed_to
        while (left := give_up - monotonic()) > 0:
            message = socket.receive(0 if is_behind else min(left, _LOOKED_EVERY_SECONDS))
            if message is None and not self._is_pushed_to:
                return self._poll(wait)  # The worker has perhaps not noticed the socket yet.
            if message is None:
                events = self._poll(0)
                if events:
                    return events
                is_behind = False
                continue
            self._is_pushed_to, self._openings_left = True, _MOST_OPENINGS
            if message.since is not None and message.since == self._cursor:
                return self._go_on(message.data, message.cursor, message.status)
            # One that has been seen is no matter. After others a poll tells what was missed, once
            # all that has come is read.
            is_behind = is_behind or message.cursor != self._cursor
        return []

    def _poll(self, wait: int) -> list[StreamEvent]:
        after_id = self._after_id if self._cursor is None else None
        news = self._source.get_chat_events(
            self._chat_id, cursor=self._cursor, after_id=after_id, wait=wait
        )
        return self._go_on(news.events, news.cursor, news.status)

    def _go_on(
        self, events: Sequence[StreamEvent], cursor: str | None, status: ChatStatus | None
    ) -> list[StreamEvent]:
        self._cursor, self.status = cursor or self._cursor, status or self.status
        # A chat's state is told after all of its messages; a long history takes several answers.
        told = any(event.type is StreamEventType.STATUS for event in events)
        self.is_current = told or not events
        return list(events)
