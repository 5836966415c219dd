"""Following a chat: what has happened since a cursor, as events, for whoever polls or streams."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.chats.errors import InvalidPageError
from chalicelib.chats.models import Chat, Message, Queued, Visibility
from chalicelib.chats.repository import ChatRepository
from chalicelib.chats.service import ChatService, polls
from chalicelib.identity.models import Actor
from chalicelib.sdk.chats import ChatStatus, Reasoning, SpokenPart, StreamEventType, Text, ToolCall

_MOST_MESSAGES = 50
_POLL_SECONDS = 0.4
_LONGEST_CURSOR = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a follower has seen. It only says where in their own chat they are: nothing is secret.

    Attributes:
        history_version: of the chat; after an edit everything is told anew.
        message_id: the last message.
        version: of the chat.
        holder: the lease of the step whose fragments were seen.
        sequence: the last of them.
    """

    history_version: int = -1
    message_id: int = 0
    version: int = 0
    holder: str = ""
    sequence: int = 0

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """A cursor from its text.

        Raises:
            InvalidPageError: we never gave it.
        """
        parts = text.split(".")
        numbers = [parts[i] for i in (0, 1, 2, 4)] if len(parts) == 5 else []
        sound = numbers and all(each.isascii() and each.isdigit() for each in numbers)
        if not sound or len(text) > _LONGEST_CURSOR or "#" in text:
            raise InvalidPageError("cursor", "is none of ours")
        history, message_id, version, sequence = (int(each) for each in numbers)
        return cls(history, message_id, version, parts[3], sequence)

    def __str__(self) -> str:
        numbers = (self.history_version, self.message_id, self.version)
        return ".".join([*map(str, numbers), self.holder, str(self.sequence)])


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: its type, and what belongs to that type."""

    type: StreamEventType
    message: Message | None = None
    message_id: int = 0
    part: SpokenPart | None = None
    chat: Chat | None = None
    queued: tuple[Queued, ...] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What has happened, and where to go on from."""

    happenings: tuple[Happening, ...]
    cursor: Cursor
    status: ChatStatus


class FollowingService:
    """Tells what happens in chats; lives as long as the container."""

    def __init__(
        self, chats: ChatService, repository: ChatRepository, pause: Callable[[float], object]
    ) -> None:
        self._chats = chats
        self._repository = repository
        self._pause = pause

    def follow(
        self, actor: Actor, chat_id: str, *, cursor: str | None, after_id: int | None, wait: int
    ) -> News:
        """What has happened in one of the actor's chats since a cursor.

        Args:
            actor: who asks.
            chat_id: of which chat.
            cursor: of the last answer; None begins after `after_id`, or at the beginning.
            after_id: the last message that was seen, if there is no cursor.
            wait: for how many seconds an answer without news is put off.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            InvalidPageError: the cursor is none of ours, or the wait too long.
        """
        seen = Cursor(message_id=after_id or 0) if cursor is None else Cursor.parse(cursor)
        chat = self._chats.require_own(actor, chat_id)
        if cursor is None:
            seen = Cursor(chat.history_version, seen.message_id)
        news = self.look(chat, seen)
        for _ in range(polls(wait)):
            if news.happenings:
                break
            self._pause(_POLL_SECONDS)
            # Of many messages that are hidden, each look passes by some.
            news = self.look(self._chats.require_own(actor, chat_id), news.cursor)
        return news

    def look(self, chat: Chat, seen: Cursor) -> News:
        """What has happened in a chat, as it was read just now, since a cursor."""
        happened: list[Happening] = []
        if chat.history_version != seen.history_version:
            happened.append(Happening(StreamEventType.HISTORY_RESET))
            seen = Cursor(chat.history_version)
        last_id, messages = self._new_messages(chat, seen.message_id)
        happened += [Happening(StreamEventType.MESSAGE, message=each) for each in messages]
        if last_id != seen.message_id:  # What was shown of a message has come true with it.
            seen = Cursor(seen.history_version, last_id, seen.version)
        caught_up = seen.message_id >= chat.last_message_id
        if caught_up:
            seen, parts = self._new_parts(chat, seen, chat.lease.holder if chat.lease else "")
            happened += parts
        if caught_up and chat.version != seen.version:
            happened += self._state(chat)
            seen = Cursor(
                seen.history_version, seen.message_id, chat.version, seen.holder, seen.sequence
            )
        return News(tuple(happened), seen, chat.status)

    def _new_messages(self, chat: Chat, after_id: int) -> tuple[int, list[Message]]:
        """The id of the last message looked at, and those that the owner may see."""
        if chat.last_message_id <= after_id:
            return after_id, []
        found = self._repository.list_messages(
            chat.id, after_id=after_id, before_id=None, limit=_MOST_MESSAGES, ascending=True
        )
        visible = [
            each
            for each in found
            if each.visibility is not Visibility.MODEL and not chat.hides(each.id)
        ]
        return (found[-1].id if found else chat.last_message_id), visible

    def _new_parts(self, chat: Chat, seen: Cursor, holder: str) -> tuple[Cursor, list[Happening]]:
        """What the model has just said; from the beginning if another attempt says it.

        What an attempt said that is over, and has left no message, is void.
        """
        happened = []
        is_same = seen.holder == holder
        if not is_same and seen.sequence:
            happened.append(Happening(StreamEventType.PREVIEW_RESET))
        if not holder:
            return Cursor(seen.history_version, seen.message_id, seen.version), happened
        message_id = chat.last_message_id + 1
        found = self._repository.list_fragments(
            chat.id, message_id, holder, seen.sequence if is_same else 0
        )
        happened += [
            Happening(StreamEventType.MESSAGE_PART, message_id=message_id, part=part)
            for fragment in found
            for part in fragment.parts
            if isinstance(part, Text | Reasoning | ToolCall)
        ]
        last = found[-1].sequence if found else (seen.sequence if is_same else 0)
        return Cursor(seen.history_version, seen.message_id, seen.version, holder, last), happened

    def _state(self, chat: Chat) -> list[Happening]:
        by_id = (
            {each.id: each for each in self._repository.list_queued(chat.id)} if chat.queue else {}
        )
        queued = tuple(by_id[each] for each in chat.queue if each in by_id)
        happened = [
            Happening(StreamEventType.QUEUE_UPDATE, chat=chat, queued=queued),
            Happening(StreamEventType.STATUS, chat=chat),
        ]
        if chat.status is ChatStatus.ERROR:
            happened.append(Happening(StreamEventType.ERROR, chat=chat))
        if chat.status is ChatStatus.REQUIRES_ACTION:
            happened.append(Happening(StreamEventType.ACTION_REQUIRED, chat=chat))
        return happened
