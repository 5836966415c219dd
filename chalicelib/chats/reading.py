"""Reading chats and messages; `repository.py` writes them, and `items.py` says how they lie."""

import secrets
from collections.abc import Iterable

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from chalicelib.chats import items
from chalicelib.chats.items import (
    DELETED,
    ChatItem,
    FragmentItem,
    MessageItem,
    PieceItem,
    QueuedItem,
    chat_key,
    message_key,
    organization_key,
    owner_key,
    queued_key,
)
from chalicelib.chats.models import Chat, Fragment, Message, Queued
from chalicelib.chats.search import Search
from chalicelib.storage import Database, Item

_MOST_LOOKED_AT = 1000


class ChatReader:
    """Reads chats and what belongs to them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._chats = database.bind(ChatItem, "chats")
        self._messages = database.bind(MessageItem, "chats")
        self._pieces = database.bind(PieceItem, "chats")
        self._queued = database.bind(QueuedItem, "chats")
        self._fragments = database.bind(FragmentItem, "chats")
        self._places = database.bind(Item, "chats")

    def find(self, chat_id: str) -> Chat | None:
        """A chat by id."""
        item = self._chats.find(chat_key(chat_id), items.META)
        return None if item is None or item.is_deleted else items.to_chat(item)

    def list_owned(
        self, owner_id: str, limit: int, after: Chat | None, search: Search
    ) -> list[Chat]:
        """A user's chats: pinned ones first, then the latest changed; those after `after`."""
        condition = self._matching(search)
        earlier = None if after is None else self._chats.LSK < items.lookup_key(after)  # noqa: SIM300
        found = self._chats.query(
            owner_key(owner_id, archived=search.archived),
            earlier,
            filter_condition=condition,
            index_name="lookup",
            scan_index_forward=False,
            limit=limit,
            # DynamoDB counts before it filters: one call looks at as many as it will.
            page_size=limit if condition is None else _MOST_LOOKED_AT,
        )
        return [items.to_chat(item) for item in found]

    def list_messages(
        self, chat_id: str, *, after_id: int, before_id: int | None, limit: int, ascending: bool
    ) -> list[Message]:
        """Messages with ids strictly between two, from either end; hidden ones included."""
        first = message_key(after_id + 1)
        last = "MSG#~" if before_id is None else message_key(before_id - 1)
        if first > last:
            return []
        found: Iterable[MessageItem] = self._messages.query(
            chat_key(chat_id),
            self._messages.SK.between(first, last),
            consistent_read=True,
            scan_index_forward=ascending,
            limit=limit,
        )
        return [items.to_message(item, self._content(item)) for item in found]

    def find_message(self, chat_id: str, message_id: int) -> Message | None:
        """A message by id."""
        item = self._messages.find(chat_key(chat_id), message_key(message_id))
        return None if item is None else items.to_message(item, self._content(item))

    def list_queued(self, chat_id: str) -> list[Queued]:
        """The messages that wait, by id: the chat says in which order."""
        found = self._queued.query(
            chat_key(chat_id), self._queued.SK.startswith("QUEUE#"), consistent_read=True
        )
        return [items.to_queued(item) for item in found]

    def find_queued(self, chat_id: str, queued_id: int) -> Queued | None:
        """A waiting message by id."""
        item = self._queued.find(chat_key(chat_id), queued_key(queued_id))
        return None if item is None else items.to_queued(item)

    def list_fragments(
        self, chat_id: str, message_id: int, holder: str, after: int
    ) -> list[Fragment]:
        """What a step's model has said since a fragment."""
        key = items.fragments_key(message_id, holder)
        found = self._fragments.query(
            chat_key(chat_id),
            self._fragments.SK.between(f"{key}{after + 1:06d}", f"{key}~"),
            consistent_read=True,
        )
        return [items.to_fragment(item) for item in found]

    def iterate_active(self) -> Iterable[str]:
        """The ids of all chats with a turn under way."""
        digits = secrets.SystemRandom().sample("0123456789abcdef", 16)
        for digit in digits:  # In another order each time: none is always the last.
            for place in self._places.query(f"ACTIVE#{digit}", consistent_read=True):
                yield place.SK.removeprefix("CHAT#")

    def has_any_in(self, organization_id: str) -> bool:
        """Whether there is a chat in an organisation; implements `organizations.ports.Chats`."""
        found = self._places.query(organization_key(organization_id), consistent_read=True, limit=1)
        return any(True for _ in found)

    def list_deleted(self) -> list[tuple[str, str]]:
        """Chats whose removal has begun, each with its organisation."""
        found = self._chats.query(DELETED, index_name="lookup")
        return [(item.chat_id, item.organization_id) for item in found]

    def _content(self, item: MessageItem) -> str:
        if not item.pieces:
            return item.content or "[]"
        found = self._pieces.query(
            item.PK,
            self._pieces.SK.startswith(items.pieces_key(int(item.message_id))),
            consistent_read=True,
        )
        return "".join(piece.content for piece in found)

    def _matching(self, search: Search) -> Condition | None:
        """What a chat must be like, for DynamoDB to look at before it answers."""
        conditions: list[Condition] = [
            Path(["labels", key]) == value for key, value in search.labels
        ]
        conditions += [self._chats.title_lower.contains(word) for word in search.words]
        if search.status is not None:
            conditions.append(self._chats.status == search.status.value)
        if search.has_unread is not None:
            said, read = self._chats.last_assistant_message_id, self._chats.last_read_message_id
            conditions.append(said > read if search.has_unread else said <= read)
        if search.workspace_ids:
            conditions.append(self._chats.workspace_id.is_in(*search.workspace_ids))
        combined: Condition | None = None
        for condition in conditions:
            combined = condition if combined is None else combined & condition
        return combined
