"""Chats and messages in DynamoDB; `items.py` says how they lie there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from chalicelib.audit import NO_REQUEST, AuditRepository, NewEvent, RequestContext
from chalicelib.chats import items
from chalicelib.chats.errors import (
    ChatChangedError,
    ChatExistsError,
    ChatNotFoundError,
    LeaseLostError,
)
from chalicelib.chats.items import (
    ChatItem,
    FragmentItem,
    MessageItem,
    PieceItem,
    QueuedItem,
    active_key,
    chat_key,
    message_key,
    organization_key,
    owner_key,
    queued_key,
)
from chalicelib.chats.models import Chat, Fragment, Message, Queued
from chalicelib.chats.search import Search
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.storage import Database, Item, Transaction
from chalicelib.storage.conditions import refused_as

Extend = Callable[[Transaction], None]
_DELETED = "DELETED"
_MOST_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatWrite:
    """One transition of a chat with all that belongs to it: written together or not at all.

    Attributes:
        before: the chat as it was read; None for a new one.
        after: the chat as it shall be.
        messages: new messages.
        queued: a message that waits from now on.
        unqueued: ids of messages that wait no more.
        event: what the audit log shall say.
        request: which request it is for; needed only without an event, which knows it.
        requires_member: the owner must be active, and in the chat's organisation.
        extend: further writes.
    """

    before: Chat | None
    after: Chat
    messages: Sequence[Message] = ()
    queued: Queued | None = None
    unqueued: Sequence[int] = ()
    event: NewEvent | None = None
    request: RequestContext = NO_REQUEST
    requires_member: bool = False
    extend: Sequence[Extend] = ()


class ChatRepository:
    """Stores chats and their messages."""

    def __init__(
        self,
        database: Database,
        audit: AuditRepository,
        identity: IdentityRepository,
        organizations: OrganizationRepository,
    ) -> None:
        self._database = database
        self._audit = audit
        self._identity = identity
        self._organizations = organizations
        self._chats = database.bind(ChatItem, "chats")
        self._messages = database.bind(MessageItem, "chats")
        self._pieces = database.bind(PieceItem, "chats")
        self._queued = database.bind(QueuedItem, "chats")
        self._fragments = database.bind(FragmentItem, "chats")
        self._places = database.bind(Item, "chats")

    def write(self, write: ChatWrite) -> Chat:
        """Make a transition; returns the chat as it is now.

        Raises:
            ChatExistsError: a new chat's id is in use.
            ChatChangedError: somebody else has written the chat since it was read.
            KeyInUseError: another request has taken the `Idempotency-Key` of this one.
            InvalidTokenError, NotAMemberError: the owner has been suspended or deleted, or has
                left the organisation, or it is gone, meanwhile.
        """
        before, after = write.before, write.after
        transaction = self._database.transaction()
        if write.event is not None:
            self._audit.record(transaction, write.event)
        else:
            self._audit.accompany(transaction, write.request, _describe_new(write))
        if write.requires_member:
            self._identity.require_active(transaction, after.owner_id)
            self._organizations.require_member(transaction, after.organization_id, after.owner_id)
        if before is None:
            place = self._places(organization_key(after.organization_id), chat_key(after.id))
            transaction.put(self._item(after), self._chats.absent(), ChatExistsError())
            transaction.put(place, self._places.absent(), ChatExistsError())
        else:
            after = replace(after, version=before.version + 1)
            transaction.put(self._item(after), self._unchanged(before), ChatChangedError())
        self._mark(transaction, before is not None and before.is_active, after)
        self._add_messages(transaction, write.messages)
        self._change_queue(transaction, write)
        for extend in write.extend:
            extend(transaction)
        transaction.commit()
        return after

    def find(self, chat_id: str) -> Chat | None:
        """A chat by id."""
        item = self._chats.find(chat_key(chat_id), items.META)
        return None if item is None or item.is_deleted else items.to_chat(item)

    def renew(self, chat_id: str, holder: str, until: datetime) -> Chat:
        """Go on holding a chat's lease; returns the chat as it is now.

        Raises:
            LeaseLostError: somebody else holds it, or nobody.
        """
        item = self._chats(chat_key(chat_id), items.META)
        with refused_as(LeaseLostError()):
            item.update(
                actions=[self._chats.lease_until.set(until)],
                condition=self._chats.lease_holder == holder,
            )
        return items.to_chat(item)

    def watch(self, transaction: Transaction, chat: Chat, until: datetime) -> None:
        """Note with another package's transaction that somebody follows a chat until then.

        It leaves the version alone: nothing has happened that a follower should hear of. The
        refusal is a ChatNotFoundError.
        """
        item = self._chats(chat_key(chat.id), items.META)
        is_own = self._is_there() & (self._chats.owner_id == chat.owner_id)
        note = self._chats.watched_until.set(until)
        transaction.update(item, [note], is_own, ChatNotFoundError())

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

    def add_fragment(self, chat_id: str, fragment: Fragment, now: datetime) -> None:
        """Show what a model has just said; only its own step writes a fragment, and once."""
        key = items.fragments_key(fragment.message_id, fragment.holder)
        item = self._fragments(
            PK=chat_key(chat_id),
            SK=f"{key}{fragment.sequence:06d}",
            content=items.dump_parts(fragment.parts),
            expires_at=items.end_of_fragments(now),
        )
        with refused_as(LeaseLostError()):
            item.save(condition=self._fragments.absent())

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
        for digit in "0123456789abcdef":
            for place in self._places.query(f"ACTIVE#{digit}", consistent_read=True):
                yield place.SK.removeprefix("CHAT#")

    def has_any_in(self, organization_id: str) -> bool:
        """Whether there is a chat in an organisation; implements `organizations.ports.Chats`."""
        found = self._places.query(organization_key(organization_id), consistent_read=True, limit=1)
        return any(True for _ in found)

    def mark_deleted(self, chat: Chat, event: NewEvent) -> None:
        """Hide a chat for good; what it consists of is removed by `remove`.

        Raises:
            ChatChangedError: somebody else has written it since it was read.
        """
        transaction = self._audit.transaction(event)
        gone = self._item(replace(chat, version=chat.version + 1))
        gone.is_deleted, gone.LPK, gone.lease_holder = True, _DELETED, None
        transaction.put(gone, self._unchanged(chat), ChatChangedError())
        transaction.commit()

    def remove(self, chat_id: str, organization_id: str, most: int) -> int:
        """Remove up to so many items of a chat.

        Returns:
            How many more it might have removed; -1 if the chat has more, and is to be gone on with.
        """
        found = list(self._places.query(chat_key(chat_id), consistent_read=True, limit=most + 1))
        if len(found) > most:
            self._database.remove_all(found[:most])
            return -1
        # `meta` sorts behind everything else. It goes last, because it leads to all the others.
        places = [
            self._places(organization_key(organization_id), chat_key(chat_id)),
            self._places(active_key(chat_id), chat_key(chat_id)),
        ]
        self._database.remove_all([*found[:-1], *places, *found[-1:]])
        return most - len(found)

    def list_deleted(self) -> list[tuple[str, str]]:
        """Chats whose removal has begun, each with its organisation."""
        found = self._chats.query(_DELETED, index_name="lookup")
        return [(item.chat_id, item.organization_id) for item in found]

    def remove_owned(self, owner_id: str, most: int) -> bool:
        """Remove a deleted user's chats with their messages; that they were deleted is recorded.

        Args:
            owner_id: whose.
            most: how many items at most, of all the chats.

        Returns:
            Whether nothing is left; otherwise it is to be repeated.
        """
        for archived in (False, True):
            key = owner_key(owner_id, archived=archived)
            for chat in self._chats.query(key, index_name="lookup"):
                most = self.remove(chat.chat_id, chat.organization_id, most)
                if most < 0:
                    return False
        return True

    def _item(self, chat: Chat) -> ChatItem:
        return self._chats(**items.chat_attributes(chat))

    def _unchanged(self, chat: Chat) -> Condition:
        names = self._chats
        # A socket that was opened since the chat was read must not be forgotten.
        until = chat.watched_until
        is_watched_as_before = (
            names.watched_until.does_not_exist() if until is None else names.watched_until == until
        )
        condition: Condition = (
            (names.version == chat.version) & is_watched_as_before & self._is_there()
        )
        return condition

    def _is_there(self) -> Condition:
        is_deleted = self._chats.is_deleted
        condition: Condition = self._chats.version.exists() & (
            is_deleted.does_not_exist() | (is_deleted == False)  # noqa: E712
        )
        return condition

    def _mark(self, transaction: Transaction, was_active: bool, after: Chat) -> None:
        """Let the reaper find a chat exactly as long as it is active."""
        marker = self._places(active_key(after.id), chat_key(after.id))
        either = self._places.present() | self._places.absent()
        if after.is_active and not was_active:
            transaction.put(marker, either, ChatChangedError())
        if was_active and not after.is_active:
            transaction.delete(marker, either, ChatChangedError())

    def _add_messages(self, transaction: Transaction, messages: Sequence[Message]) -> None:
        for message in messages:
            content = items.dump_parts(message.parts)
            pieces = items.split(content)
            item = self._messages(
                PK=chat_key(message.chat_id),
                SK=message_key(message.id),
                message_id=message.id,
                chat_id=message.chat_id,
                created_by=message.created_by,
                created_at=message.created_at,
                role=message.role.value,
                visibility=message.visibility.value,
                model_config_id=message.model_config_id,
                content=None if pieces else content,
                pieces=len(pieces),
                usage=message.usage.model_dump(mode="json") if message.usage else None,
            )
            transaction.put(item, self._messages.absent(), ChatChangedError())
            for number, piece in enumerate(pieces):
                key = f"{items.pieces_key(message.id)}{number:03d}"
                stored = self._pieces(PK=chat_key(message.chat_id), SK=key, content=piece)
                transaction.put(stored, self._pieces.absent(), ChatChangedError())

    def _change_queue(self, transaction: Transaction, write: ChatWrite) -> None:
        key = chat_key(write.after.id)
        for queued_id in write.unqueued:
            item = self._queued(key, queued_key(queued_id))
            transaction.delete(item, self._queued.present(), ChatChangedError())
        if write.queued is not None:
            queued = self._queued(
                PK=key,
                SK=queued_key(write.queued.id),
                queued_id=write.queued.id,
                chat_id=write.queued.chat_id,
                created_by=write.queued.created_by,
                created_at=write.queued.created_at,
                model_config_id=write.queued.model_config_id,
                content=items.dump_parts(write.queued.parts),
            )
            transaction.put(queued, self._queued.absent(), ChatChangedError())

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


def _describe_new(write: ChatWrite) -> str:
    """What to say to somebody whose request was served and whose answer was lost."""
    if write.queued is not None:
        return f"queued message {write.queued.id} of the chat {write.after.id}"
    return f"message {write.after.last_message_id} of the chat {write.after.id}"
