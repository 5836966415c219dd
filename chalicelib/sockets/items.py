"""Sockets and tickets, in the chats table.

CHAT#<id>  / CONN#<connection id>   a socket that follows a chat; removed with it at the latest
CONN#<connection id> / meta         to which chat a socket belongs: API Gateway does not say again
TICKET#<digest>      / meta         opens one socket
"""

from datetime import UTC, datetime

from pynamodb.attributes import TTLAttribute, UnicodeAttribute

from chalicelib.storage import Item

META = "meta"
CONNECTIONS = "CONN#"


class SocketItem(Item):
    """A socket, under its chat and under its own id."""

    chat_id = UnicodeAttribute()
    expires_at = TTLAttribute()


class TicketItem(Item):
    """A ticket that has not been used."""

    user_id = UnicodeAttribute()
    chat_id = UnicodeAttribute()
    expires_at = TTLAttribute()


def connection_key(connection_id: str) -> str:
    """The partition of a socket, and its sort key under its chat."""
    return f"{CONNECTIONS}{connection_id}"


def ticket_key(digest: str) -> str:
    """The partition of a ticket."""
    return f"TICKET#{digest}"


def whole_seconds(moment: datetime) -> datetime:
    """A moment as DynamoDB's time to live counts."""
    return moment.astimezone(UTC).replace(microsecond=0)
