"""Sockets and tickets in DynamoDB; `items.py` says how they lie there."""

from datetime import datetime

from chalicelib.chats.items import chat_key
from chalicelib.chats.models import Chat
from chalicelib.chats.repository import ChatRepository
from chalicelib.identity.repository import IdentityRepository
from chalicelib.sockets import items
from chalicelib.sockets.errors import InvalidTicketError
from chalicelib.sockets.items import SocketItem, TicketItem, connection_key, ticket_key
from chalicelib.sockets.models import Socket, StoredTicket
from chalicelib.storage import Database, StorageUnavailableError
from chalicelib.storage.conditions import refused_as


class SocketRepository:
    """Stores which sockets follow which chats."""

    def __init__(
        self, database: Database, chats: ChatRepository, identity: IdentityRepository
    ) -> None:
        self._database = database
        self._chats = chats
        self._identity = identity
        self._sockets = database.bind(SocketItem, "chats")
        self._tickets = database.bind(TicketItem, "chats")

    def add_ticket(self, ticket: StoredTicket) -> None:
        """Store a ticket.

        Raises:
            InvalidTicketError: there is one with this digest, which chance does not bring about.
        """
        item = self._tickets(
            PK=ticket_key(ticket.digest),
            SK=items.META,
            user_id=ticket.user_id,
            chat_id=ticket.chat_id,
            expires_at=items.whole_seconds(ticket.expires_at),
        )
        with refused_as(InvalidTicketError()):
            # The same is ours, of an attempt whose answer was lost.
            item.save(condition=self._tickets.absent() | (self._tickets.chat_id == ticket.chat_id))

    def find_ticket(self, digest: str) -> StoredTicket | None:
        """A ticket that has not been used; it may be too old."""
        item = self._tickets.find(ticket_key(digest), items.META)
        if item is None:
            return None
        return StoredTicket(digest, item.user_id, item.chat_id, item.expires_at)

    def add(self, chat: Chat, socket: Socket, ticket: StoredTicket | None) -> None:
        """Have a socket follow a chat, and use up the ticket that opens it.

        Raises:
            ChatNotFoundError: the chat has been deleted meanwhile.
            InvalidTokenError: its owner has been suspended or deleted.
            InvalidTicketError: the ticket has been used.
        """
        transaction = self._database.transaction()
        self._identity.require_active(transaction, chat.owner_id)
        if ticket is not None:
            used = self._tickets(ticket_key(ticket.digest), items.META)
            transaction.delete(used, self._tickets.present(), InvalidTicketError())
        for item in self._items(socket.chat_id, socket.connection_id):
            item.chat_id = socket.chat_id
            item.expires_at = items.whole_seconds(socket.expires_at)
            # API Gateway never gives an id twice; an event that comes again changes nothing.
            transaction.put(item, item.absent() | item.present(), StorageUnavailableError(""))
        self._chats.watch(transaction, chat, socket.expires_at)
        transaction.commit()

    def list_ids(self, chat_id: str, now: datetime) -> list[str]:
        """The ids of the connections that follow a chat."""
        found = self._sockets.query(
            chat_key(chat_id),
            self._sockets.SK.startswith(items.CONNECTIONS),
            consistent_read=True,
        )
        return [each.SK.removeprefix(items.CONNECTIONS) for each in found if each.expires_at > now]

    def find_chat_id(self, connection_id: str) -> str | None:
        """Which chat a socket follows."""
        item = self._sockets.find(connection_key(connection_id), items.META)
        return None if item is None else str(item.chat_id)

    def remove(self, chat_id: str, connection_id: str) -> None:
        """Forget a socket; that it was forgotten before is no matter."""
        self._database.remove_all(self._items(chat_id, connection_id))

    def _items(self, chat_id: str, connection_id: str) -> list[SocketItem]:
        key = connection_key(connection_id)
        return [self._sockets(chat_key(chat_id), key), self._sockets(key, items.META)]
