"""Opening and closing the sockets through which chats are followed."""

import secrets
from urllib.parse import urlencode

from chalicelib.chats.models import Chat
from chalicelib.chats.service import ChatService
from chalicelib.identity.accounts import digest_of
from chalicelib.identity.models import Actor
from chalicelib.primitives import Clock
from chalicelib.sockets.errors import InvalidTicketError, NoStreamsError, TooManySocketsError
from chalicelib.sockets.models import (
    MOST_SOCKETS,
    SOCKET_LIFETIME,
    TICKET_LIFETIME,
    Socket,
    StoredTicket,
    Ticket,
)
from chalicelib.sockets.repository import SocketRepository

_TICKET_BYTES = 32


class SocketService:
    """Lets chats be followed through sockets; lives as long as the container.

    Args:
        repository: where it is stored.
        chats: says whose a chat is.
        url: of the WebSocket API; empty if there is none.
        clock: the time.
    """

    def __init__(
        self, repository: SocketRepository, chats: ChatService, url: str, clock: Clock
    ) -> None:
        self._repository = repository
        self._chats = chats
        self._url = url
        self._clock = clock

    def issue_ticket(self, actor: Actor, chat_id: str) -> Ticket:
        """A ticket for one socket that follows one of the actor's chats, for browsers.

        They can send no `Authorization` with a WebSocket's handshake, and a token in an address
        would stay in logs; a ticket there is soon worth nothing.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            NoStreamsError: there is no WebSocket API.
        """
        chat = self._chats.require_own(actor, chat_id)
        if not self._url:
            raise NoStreamsError
        text = secrets.token_urlsafe(_TICKET_BYTES)
        expires_at = self._clock().replace(microsecond=0) + TICKET_LIFETIME
        self._repository.add_ticket(
            StoredTicket(digest_of(text), actor.user_id, chat.id, expires_at)
        )
        query = urlencode({"chat_id": chat.id, "ticket": text})
        return Ticket(text, f"{self._url}?{query}", expires_at)

    def open(self, actor: Actor, chat_id: str, connection_id: str) -> None:
        """Have a socket follow one of the actor's chats.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            InvalidTokenError: the actor has just been suspended.
            TooManySocketsError: as many follow it as may.
        """
        self._open(self._chats.require_own(actor, chat_id), connection_id, None)

    def open_with_ticket(self, unverified: str, chat_id: str, connection_id: str) -> None:
        """Have a socket follow the chat that a ticket is for; it is good for nothing after that.

        Raises:
            InvalidTicketError: it is unknown, used up, too old, or another chat's.
            ChatNotFoundError: the chat is gone.
            InvalidTokenError: its owner has been suspended.
            TooManySocketsError: as many follow it as may.
        """
        ticket = self._repository.find_ticket(digest_of(unverified))
        if ticket is None or ticket.expires_at <= self._clock() or ticket.chat_id != chat_id:
            raise InvalidTicketError
        owner = Actor(ticket.user_id, (), token_digest="")
        self._open(self._chats.require_own(owner, ticket.chat_id), connection_id, ticket)

    def close(self, connection_id: str) -> None:
        """Forget a socket that is closed."""
        chat_id = self._repository.find_chat_id(connection_id)
        if chat_id is not None:
            self._repository.remove(chat_id, connection_id)

    def _open(self, chat: Chat, connection_id: str, ticket: StoredTicket | None) -> None:
        now = self._clock()
        if len(self._repository.list_ids(chat.id, now)) >= MOST_SOCKETS:
            raise TooManySocketsError(MOST_SOCKETS)
        self._repository.add(chat, Socket(connection_id, chat.id, now + SOCKET_LIFETIME), ticket)
