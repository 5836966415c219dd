"""Telling the sockets that follow a chat what a worker does in it.

Each message says from which cursor it goes on and to which one it leads, so it does not matter
whether one is lost, doubled, late or never sent: whoever has not seen exactly what was there until
`since` asks the API. Nothing is kept of how far a socket has come.
"""

from time import monotonic

from chalicelib.chats.following import Cursor, FollowingService, News
from chalicelib.chats.models import Chat
from chalicelib.chats.wire import to_events
from chalicelib.logs import describe_exception, get_logger
from chalicelib.primitives import Clock
from chalicelib.sdk.base import to_json
from chalicelib.sdk.chats import StreamMessage
from chalicelib.sockets.pushing import Pusher
from chalicelib.sockets.repository import SocketRepository

_LISTED_EVERY_SECONDS = 2.0
_MOST_BYTES = 32 * 1024  # Of one frame; API Gateway takes no more.
_PING = StreamMessage(type="ping")


class Announcer:
    """Tells who follows what happens; lives as long as the container."""

    def __init__(
        self,
        following: FollowingService,
        repository: SocketRepository,
        pusher: Pusher,
        clock: Clock,
    ) -> None:
        self.following = following
        self.repository = repository
        self.pusher = pusher
        self.clock = clock

    def begin(self, before: Chat, after: Chat) -> "Announcements":
        """Tell the first thing that a worker has done in a chat; the rest of the step follows."""
        announcements = Announcements(self, before)
        announcements.tell(after)
        return announcements


class Announcements:
    """What one step tells; it costs nothing while nobody watches, and never fails.

    Args:
        by: who tells.
        chat: as it was before. Whoever has followed it until then is there, too.
    """

    def __init__(self, by: Announcer, chat: Chat) -> None:
        self._by = by
        self._cursor = Cursor(chat.history_version, chat.last_message_id, chat.version)
        self._connection_ids: list[str] = []
        self._listed_at = float("-inf")
        self._is_broken = False

    def tell(self, chat: Chat) -> None:
        """Tell what has happened since the last time in a chat, as it is now."""
        watched_until = chat.watched_until
        if self._is_broken or watched_until is None or watched_until <= self._by.clock():
            return
        try:
            if self._find_connections(chat.id):
                self._post(chat.id, self._next_message(chat))
        except Exception as exc:  # noqa: BLE001 -- a push is no reason to lose a step
            self._is_broken = True
            fields = {"chat_id": chat.id, **describe_exception(exc)}
            get_logger().warning("A chat's followers are not told.", extra={"fields": fields})

    def _find_connections(self, chat_id: str) -> list[str]:
        if monotonic() - self._listed_at >= _LISTED_EVERY_SECONDS:
            self._connection_ids = self._by.repository.list_ids(chat_id, self._by.clock())
            self._listed_at = monotonic()
        return self._connection_ids

    def _next_message(self, chat: Chat) -> StreamMessage | None:
        since = self._cursor
        news = self._by.following.look(chat, since)
        if not news.happenings:
            return None
        self._cursor = news.cursor
        return _build(since, news)

    def _post(self, chat_id: str, message: StreamMessage | None) -> None:
        if message is None:
            return
        content = _dump(message)
        if len(content) > _MOST_BYTES:
            content = _dump(_PING)
        for connection_id in tuple(self._connection_ids):
            if not self._by.pusher.post(connection_id, content):
                self._connection_ids.remove(connection_id)
                self._by.repository.remove(chat_id, connection_id)


def _build(since: Cursor, news: News) -> StreamMessage:
    told = to_events(news)
    return StreamMessage(
        type="data", data=told.events, since=str(since), cursor=told.cursor, status=told.status
    )


def _dump(message: StreamMessage) -> bytes:
    return to_json(message).encode()
