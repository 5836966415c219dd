"""How a chat is followed, over whatever carries its events."""

from typing import Protocol

from .chats import ChatStatus, StreamEvent, StreamEvents, StreamEventType


class EventSource(Protocol):
    """Where events come from: the clients' methods."""

    def get_chat_events(
        self, chat_id: str, *, cursor: str | None = None, after_id: int | None = None, wait: int = 0
    ) -> StreamEvents:
        """What has happened since a cursor."""


class Follower:
    """Gets the events of one chat, each once and in order, by long polls.

    This is the one place that knows how events travel.

    Attributes:
        status: of the chat, as far as it is known.
        is_current: whether everything that had happened by the last answer has been given out.
    """

    def __init__(self, source: EventSource, chat_id: str, after_id: int) -> None:
        self._source = source
        self._chat_id = chat_id
        self._after_id = after_id
        self._cursor: str | None = None
        self.status: ChatStatus | None = None
        self.is_current = False

    def next_events(self, wait: int) -> list[StreamEvent]:
        """What has happened since the last call; none if nothing does within `wait` seconds.

        Raises:
            UnreachableError, RateLimitedError, UnavailableError: for too long. The next call goes
                on where this one failed.
            APIError: the chat cannot be followed any more.
        """
        after_id = self._after_id if self._cursor is None else None
        news = self._source.get_chat_events(
            self._chat_id, cursor=self._cursor, after_id=after_id, wait=wait
        )
        self._cursor = news.cursor
        self.status = news.status
        # A chat's state is told after all of its messages; a long history takes several answers.
        told = any(event.type is StreamEventType.STATUS for event in news.events)
        self.is_current = told or not news.events
        return news.events
