"""The chats table.

CHAT#<id> / meta             a chat; in the lookup index under OWNER#<user>, by time of change
CHAT#<id> / MSG#<12 digits>  a message
ORG#<id>  / CHAT#<id>        that an organisation has a chat
"""

from collections.abc import Iterable
from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.chats.errors import ChatExistsError
from chalicelib.chats.models import Chat, Message
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.sdk.chats import ChatStatus, MessageRole
from chalicelib.storage import Database, Item, LookupItem, UTCDateTime, time_key

_FIRST_KEY = "MSG#"
_LAST_KEY = "MSG#~"  # Sorts after every digit.


class ChatItem(LookupItem):
    """A chat."""

    chat_id = UnicodeAttribute()
    owner_id = UnicodeAttribute()
    organization_id = UnicodeAttribute()
    title = UnicodeAttribute()
    status = UnicodeAttribute()
    mcp_server_ids: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    last_message_id = NumberAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    version = NumberAttribute()


class MessageItem(Item):
    """A message."""

    message_id = NumberAttribute()
    chat_id = UnicodeAttribute()
    created_by = UnicodeAttribute()
    created_at = UTCDateTime()
    role = UnicodeAttribute()
    texts: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)


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
        self._places = database.bind(Item, "chats")

    def add(self, chat: Chat, first: Message, event: NewEvent) -> None:
        """Store a new chat together with its first message.

        Raises:
            ChatExistsError: the id is in use.
            InvalidTokenError: the owner has been suspended or deleted meanwhile.
            NotAMemberError: the owner has left the organisation, or it is gone, meanwhile.
        """
        transaction = self._audit.transaction(event)
        self._identity.require_active(transaction, chat.owner_id)
        self._organizations.require_member(transaction, chat.organization_id, chat.owner_id)
        transaction.put(self._to_item(chat), self._chats.absent(), ChatExistsError())
        transaction.put(self._to_message_item(first), self._messages.absent(), ChatExistsError())
        place = self._places(_organization_key(chat.organization_id), _key(chat.id))
        transaction.put(place, self._places.absent(), ChatExistsError())
        transaction.commit()

    def find(self, chat_id: str) -> Chat | None:
        """A chat by id."""
        item = self._chats.find(_key(chat_id), "meta")
        return None if item is None else _to_chat(item)

    def list_owned(self, owner_id: str, limit: int, after: Chat | None) -> list[Chat]:
        """A user's chats, the latest changed first; only those that come after `after`."""
        earlier = None if after is None else self._chats.LSK < _lookup_key(after)  # noqa: SIM300
        found = self._chats.query(
            f"OWNER#{owner_id}",
            earlier,
            index_name="lookup",
            scan_index_forward=False,
            limit=limit,
        )
        return [_to_chat(item) for item in found]

    def list_messages(
        self, chat_id: str, *, after_id: int, before_id: int | None, limit: int, ascending: bool
    ) -> list[Message]:
        """Messages with ids strictly between two, from either end."""
        first = _message_key(after_id + 1)
        last = _LAST_KEY if before_id is None else _message_key(before_id - 1)
        if first > last:
            return []
        found: Iterable[MessageItem] = self._messages.query(
            _key(chat_id),
            self._messages.SK.between(first, last),
            consistent_read=True,
            scan_index_forward=ascending,
            limit=limit,
        )
        return [_to_message(item) for item in found]

    def has_any_in(self, organization_id: str) -> bool:
        """Whether there is a chat in an organisation; implements `organizations.ports.Chats`."""
        found = self._places.query(
            _organization_key(organization_id), consistent_read=True, limit=1
        )
        return any(True for _ in found)

    def remove_owned(self, owner_id: str, most: int) -> bool:
        """Remove a deleted user's chats with their messages; that they were deleted is recorded.

        Args:
            owner_id: whose.
            most: how many items at most.

        Returns:
            Whether nothing is left; otherwise it is to be repeated.
        """
        for chat in self._chats.query(f"OWNER#{owner_id}", index_name="lookup"):
            found = list(self._messages.query(chat.PK, consistent_read=True, limit=most + 1))
            # `meta` sorts behind every message. It goes last, because it leads to all the others.
            place = self._places(_organization_key(chat.organization_id), chat.PK)
            items: list[Item] = [*found[:-1], place, *found[-1:]]
            if len(found) > most:
                self._database.remove_all(found[:most])
                return False
            self._database.remove_all(items)
            most -= len(found)
        return True

    def _to_item(self, chat: Chat) -> ChatItem:
        return self._chats(
            PK=_key(chat.id),
            SK="meta",
            LPK=f"OWNER#{chat.owner_id}",
            LSK=_lookup_key(chat),
            chat_id=chat.id,
            owner_id=chat.owner_id,
            organization_id=chat.organization_id,
            title=chat.title,
            status=chat.status,
            mcp_server_ids=list(chat.mcp_server_ids),
            last_message_id=chat.last_message_id,
            created_at=chat.created_at,
            updated_at=chat.updated_at,
            version=chat.version,
        )

    def _to_message_item(self, message: Message) -> MessageItem:
        return self._messages(
            PK=_key(message.chat_id),
            SK=_message_key(message.id),
            message_id=message.id,
            chat_id=message.chat_id,
            created_by=message.created_by,
            created_at=message.created_at,
            role=message.role,
            texts=list(message.texts),
        )


def _organization_key(organization_id: str) -> str:
    return f"ORG#{organization_id}"


def _key(chat_id: str) -> str:
    return f"CHAT#{chat_id}"


def _message_key(message_id: int) -> str:
    return f"{_FIRST_KEY}{message_id:012d}"


def _lookup_key(chat: Chat) -> str:
    return f"{time_key(chat.updated_at)}#{chat.id}"


def _to_chat(item: ChatItem) -> Chat:
    return Chat(
        id=item.chat_id,
        owner_id=item.owner_id,
        organization_id=item.organization_id,
        title=item.title,
        status=ChatStatus(item.status),
        mcp_server_ids=tuple(item.mcp_server_ids),
        last_message_id=int(item.last_message_id),
        created_at=item.created_at,
        updated_at=item.updated_at,
        version=int(item.version),
    )


def _to_message(item: MessageItem) -> Message:
    return Message(
        id=int(item.message_id),
        chat_id=item.chat_id,
        created_by=item.created_by,
        created_at=item.created_at,
        role=MessageRole(item.role),
        texts=tuple(item.texts),
    )
