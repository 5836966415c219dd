"""Sockets that follow chats, and the tickets that open them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_SOCKETS = 20
"""That follow one chat at a time: each push of a worker's goes to all of them."""
SOCKET_LIFETIME = timedelta(hours=2, minutes=10)
"""API Gateway closes every connection after two hours."""
TICKET_LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Socket:
    """An open connection, by API Gateway's id of it, and the chat that it follows."""

    connection_id: str
    chat_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """What is stored of a ticket; its text is not."""

    digest: str = field(repr=False)
    user_id: str
    chat_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A fresh ticket; its text is shown this once."""

    text: str = field(repr=False)
    url: str = field(repr=False)
    expires_at: datetime
