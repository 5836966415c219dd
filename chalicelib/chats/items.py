"""The items of the chats table, and what they mean.

CHAT#<id> / meta                    a chat; in the lookup index by its owner, pinned ones last
CHAT#<id> / MSG#<12 digits>         a message; 0 is the chat's own system prompt
CHAT#<id> / PIECE#<12 digits>#<3>   what did not fit into a message's item
CHAT#<id> / QUEUE#<12 digits>       a message that waits for its turn
CHAT#<id> / LIVE#<12 digits>#<lease>#<6>  what a model has just said; gone after an hour
CHAT#<id> / CONN#<connection id>    a socket that follows it; `chalicelib/sockets` has it
ORG#<id>  / CHAT#<id>               that an organisation has a chat
ACTIVE#<hex digit> / CHAT#<id>      that a chat has a turn under way: for the reaper
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)

from chalicelib.chats.models import (
    Chat,
    Decision,
    Fragment,
    Lease,
    Message,
    OpenCall,
    Queued,
    Visibility,
)
from chalicelib.sdk.base import to_document, to_json
from chalicelib.sdk.chats import ChatError, ChatStatus, MessagePart, MessageRole, MessageUsage
from chalicelib.sdk.reading import read_document, read_json
from chalicelib.storage import Item, LookupItem, UTCDateTime, time_key

META = "meta"
DELETED = "DELETED"
"""The partition, in the lookup index, of chats whose removal has begun."""
MOST_INLINE_BYTES = 64 * 1024
_PIECE_CHARACTERS = 90_000  # At most 360 kB: an item holds 400 KB.
_LATEST_PIN = 10**10
_FRAGMENT_LIFETIME = timedelta(hours=1)


class ChatItem(LookupItem):
    """A chat."""

    chat_id = UnicodeAttribute()
    owner_id = UnicodeAttribute()
    organization_id = UnicodeAttribute()
    workspace_id = UnicodeAttribute(null=True)
    model_config_id = UnicodeAttribute(null=True)
    title = UnicodeAttribute()
    title_lower = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    mcp_server_ids: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    labels: MapAttribute[Any, Any] = MapAttribute(null=True)
    archived = BooleanAttribute(default=False)
    pin_order = NumberAttribute(default=0)
    last_message_id = NumberAttribute()
    last_assistant_message_id = NumberAttribute(default=0)
    last_read_message_id = NumberAttribute(default=0)
    hidden: JSONAttribute = JSONAttribute(null=True)
    history_version = NumberAttribute(default=0)
    queue: ListAttribute[Any] = ListAttribute(of=NumberAttribute, null=True)
    last_queued_id = NumberAttribute(default=0)
    lease_holder = UnicodeAttribute(null=True)
    lease_until = UTCDateTime(null=True)
    attempts = NumberAttribute(default=0)
    steps = NumberAttribute(default=0)
    open_calls: JSONAttribute = JSONAttribute(null=True)
    action_deadline = UTCDateTime(null=True)
    server_outcomes: JSONAttribute = JSONAttribute(null=True)
    last_error: JSONAttribute = JSONAttribute(null=True)
    watched_until = UTCDateTime(null=True)
    is_deleted = BooleanAttribute(default=False)
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    version = NumberAttribute()


class MessageItem(Item):
    """A message."""

    message_id = NumberAttribute()
    chat_id = UnicodeAttribute()
    created_by = UnicodeAttribute(null=True)
    created_at = UTCDateTime()
    role = UnicodeAttribute()
    visibility = UnicodeAttribute(default=Visibility.BOTH.value)
    model_config_id = UnicodeAttribute(null=True)
    content = UnicodeAttribute(null=True)
    pieces = NumberAttribute(default=0)
    usage: JSONAttribute = JSONAttribute(null=True)


class PieceItem(Item):
    """A part of the content of a message that is too large for one item."""

    content = UnicodeAttribute()


class QueuedItem(Item):
    """A message that waits."""

    queued_id = NumberAttribute()
    chat_id = UnicodeAttribute()
    created_by = UnicodeAttribute()
    created_at = UTCDateTime()
    model_config_id = UnicodeAttribute(null=True)
    content = UnicodeAttribute()


class FragmentItem(Item):
    """Something that a model has just said."""

    content = UnicodeAttribute()
    expires_at = TTLAttribute()


def chat_key(chat_id: str) -> str:
    """The partition of a chat with all that belongs to it."""
    return f"CHAT#{chat_id}"


def owner_key(owner_id: str, *, archived: bool) -> str:
    """The partition of a user's chats in the lookup index."""
    return f"OWNER#{owner_id}#ARCHIVED" if archived else f"OWNER#{owner_id}"


def active_key(chat_id: str) -> str:
    """The partition in which the reaper finds a chat: one of sixteen, so that none gets hot."""
    return f"ACTIVE#{chat_id[0]}"


def organization_key(organization_id: str) -> str:
    """The partition of what an organisation has."""
    return f"ORG#{organization_id}"


def message_key(message_id: int) -> str:
    """The sort key of a message."""
    return f"MSG#{message_id:012d}"


def pieces_key(message_id: int) -> str:
    """What the sort keys of a message's pieces begin with."""
    return f"PIECE#{message_id:012d}#"


def queued_key(queued_id: int) -> str:
    """The sort key of a queued message."""
    return f"QUEUE#{queued_id:012d}"


def fragments_key(message_id: int, holder: str) -> str:
    """What the sort keys of a step's fragments begin with."""
    return f"LIVE#{message_id:012d}#{holder}#"


def lookup_key(chat: Chat) -> str:
    """Read backwards: pinned chats by their order, then the others, the latest changed first."""
    pin = f"PIN#{_LATEST_PIN - chat.pin_order:011d}#" if chat.pin_order else ""
    return f"{pin}{time_key(chat.updated_at)}#{chat.id}"


def dump_parts(parts: Sequence[MessagePart]) -> str:
    """A message's parts as JSON text."""
    return to_json(parts)


def load_parts(text: str) -> tuple[MessagePart, ...]:
    """A message's parts from their JSON text."""
    return read_json(tuple[MessagePart, ...], text)


def split(content: str) -> list[str]:
    """A content too large for one item in pieces that are not."""
    if len(content.encode()) <= MOST_INLINE_BYTES:
        return []
    starts = range(0, len(content), _PIECE_CHARACTERS)
    return [content[start : start + _PIECE_CHARACTERS] for start in starts]


def chat_attributes(chat: Chat) -> dict[str, Any]:
    """A chat as the attributes of its item, keys included."""
    return {
        "PK": chat_key(chat.id),
        "SK": META,
        "LPK": owner_key(chat.owner_id, archived=chat.archived),
        "LSK": lookup_key(chat),
        "chat_id": chat.id,
        "owner_id": chat.owner_id,
        "organization_id": chat.organization_id,
        "workspace_id": chat.workspace_id,
        "model_config_id": chat.model_config_id,
        "title": chat.title,
        "title_lower": chat.title.lower(),
        "status": chat.status.value,
        "mcp_server_ids": list(chat.mcp_server_ids),
        "labels": dict(chat.labels),
        "archived": chat.archived,
        "pin_order": chat.pin_order,
        "last_message_id": chat.last_message_id,
        "last_assistant_message_id": chat.last_assistant_message_id,
        "last_read_message_id": chat.last_read_message_id,
        "hidden": [list(each) for each in chat.hidden] or None,
        "history_version": chat.history_version,
        "queue": list(chat.queue) or None,
        "last_queued_id": chat.last_queued_id,
        "lease_holder": chat.lease.holder if chat.lease else None,
        "lease_until": chat.lease.until if chat.lease else None,
        "attempts": chat.attempts,
        "steps": chat.steps,
        "open_calls": [_dump_call(call) for call in chat.open_calls] or None,
        "action_deadline": chat.action_deadline,
        "server_outcomes": dict(chat.server_outcomes) or None,
        "last_error": to_document(chat.last_error) if chat.last_error else None,
        "watched_until": chat.watched_until,
        "created_at": chat.created_at,
        "updated_at": chat.updated_at,
        "version": chat.version,
    }


def to_chat(item: ChatItem) -> Chat:
    """A chat from its item."""
    is_leased = item.lease_holder is not None and item.lease_until is not None
    return Chat(
        id=item.chat_id,
        owner_id=item.owner_id,
        organization_id=item.organization_id,
        workspace_id=item.workspace_id,
        model_config_id=item.model_config_id,
        title=item.title,
        status=ChatStatus(item.status),
        mcp_server_ids=tuple(item.mcp_server_ids),
        labels=item.labels.as_dict() if item.labels is not None else {},
        archived=bool(item.archived),
        pin_order=int(item.pin_order),
        last_message_id=int(item.last_message_id),
        last_assistant_message_id=int(item.last_assistant_message_id),
        last_read_message_id=int(item.last_read_message_id),
        hidden=tuple((int(first), int(last)) for first, last in item.hidden or ()),
        history_version=int(item.history_version),
        queue=tuple(int(each) for each in item.queue or ()),
        last_queued_id=int(item.last_queued_id),
        lease=Lease(item.lease_holder, item.lease_until) if is_leased else None,
        attempts=int(item.attempts),
        steps=int(item.steps),
        open_calls=tuple(_load_call(each) for each in item.open_calls or ()),
        action_deadline=item.action_deadline,
        server_outcomes=item.server_outcomes or {},
        last_error=read_document(ChatError, item.last_error) if item.last_error else None,
        watched_until=item.watched_until,
        created_at=item.created_at,
        updated_at=item.updated_at,
        version=int(item.version),
    )


def to_message(item: MessageItem, content: str) -> Message:
    """A message from its item and its content, which may have come in pieces."""
    return Message(
        id=int(item.message_id),
        chat_id=item.chat_id,
        created_by=item.created_by,
        created_at=item.created_at,
        role=MessageRole(item.role),
        visibility=Visibility(item.visibility),
        model_config_id=item.model_config_id,
        parts=load_parts(content),
        usage=read_document(MessageUsage, item.usage) if item.usage else None,
    )


def to_queued(item: QueuedItem) -> Queued:
    """A queued message from its item."""
    return Queued(
        id=int(item.queued_id),
        chat_id=item.chat_id,
        created_by=item.created_by,
        created_at=item.created_at,
        model_config_id=item.model_config_id,
        parts=load_parts(item.content),
    )


def to_fragment(item: FragmentItem) -> Fragment:
    """A fragment from its item: where it belongs stands in its key."""
    _, message_id, holder, sequence = item.SK.split("#")
    return Fragment(
        message_id=int(message_id),
        holder=holder,
        sequence=int(sequence),
        parts=load_parts(item.content),
    )


def end_of_fragments(now: datetime) -> datetime:
    """When a fragment may go: long after its message has come, or its step has failed."""
    return now.astimezone(UTC).replace(microsecond=0) + _FRAGMENT_LIFETIME


def _dump_call(call: OpenCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "tool_name": call.tool_name,
        "name": call.name,
        "server_id": call.server_id,
        "decision": call.decision.value,
    }


def _load_call(stored: dict[str, Any]) -> OpenCall:
    return OpenCall(
        id=stored["id"],
        tool_name=stored["tool_name"],
        name=stored["name"],
        server_id=stored["server_id"],
        decision=Decision(stored["decision"]),
    )
