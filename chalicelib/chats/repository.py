"""Chats and messages in DynamoDB; `items.py` says how they lie there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pynamodb.expressions.condition import Condition

from chalicelib.audit import NO_REQUEST, AuditRepository, NewEvent, RequestContext
from chalicelib.chats import items
from chalicelib.chats.errors import (
    ChatChangedError,
    ChatExistsError,
    ChatNotFoundError,
    LeaseLostError,
)
from chalicelib.chats.items import (
    DELETED,
    ChatItem,
    active_key,
    chat_key,
    message_key,
    organization_key,
    owner_key,
    queued_key,
)
from chalicelib.chats.models import Chat, Fragment, Message, Queued
from chalicelib.chats.reading import ChatReader
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.sdk.base import to_document
from chalicelib.storage import Database, Transaction
from chalicelib.storage.conditions import refusal_ignored, refused_as

Extend = Callable[[Transaction], None]


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


class ChatRepository(ChatReader):
    """Stores chats and their messages."""

    def __init__(
        self,
        database: Database,
        audit: AuditRepository,
        identity: IdentityRepository,
        organizations: OrganizationRepository,
    ) -> None:
        super().__init__(database)
        self._audit = audit
        self._identity = identity
        self._organizations = organizations

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

    def write_beside(self, extend: Sequence[Extend]) -> None:
        """Write what belongs to a transition that is not made, such as what it has cost."""
        if extend:
            transaction = self._database.transaction()
            for each in extend:
                each(transaction)
            transaction.commit()

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

    def add_fragment(self, chat_id: str, fragment: Fragment, now: datetime) -> None:
        """Show what a model has just said; only its own step writes a fragment, and once.

        One that is there with the same content is its own, of an attempt whose answer was lost.
        """
        key = items.fragments_key(fragment.message_id, fragment.holder)
        item = self._fragments(
            PK=chat_key(chat_id),
            SK=f"{key}{fragment.sequence:06d}",
            content=items.dump_parts(fragment.parts),
            expires_at=items.end_of_fragments(now),
        )
        with refused_as(LeaseLostError()):
            item.save(
                condition=self._fragments.absent() | (self._fragments.content == item.content)
            )

    def mark_deleted(self, chat: Chat, event: NewEvent) -> None:
        """Hide a chat for good; what it consists of is removed by `remove`.

        Raises:
            ChatChangedError: somebody else has written it since it was read.
        """
        transaction = self._audit.transaction(event)
        gone = self._item(replace(chat, version=chat.version + 1))
        gone.is_deleted, gone.LPK, gone.lease_holder = True, DELETED, None
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
                with refusal_ignored():  # From now on no worker adds to it.
                    chat.update(
                        actions=[self._chats.is_deleted.set(True)], condition=self._chats.present()
                    )
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
                usage=to_document(message.usage) if message.usage else None,
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


def _describe_new(write: ChatWrite) -> str:
    """What to say to somebody whose request was served and whose answer was lost."""
    if write.queued is not None:
        return f"queued message {write.queued.id} of the chat {write.after.id}"
    return f"message {write.after.last_message_id} of the chat {write.after.id}"
