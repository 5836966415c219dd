"""The connections table.

USER#<user> / SERVER#<server>   a user's connection to a server;
                                in the lookup index under SERVER#<server>
"""

from collections.abc import Iterable

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.oauth2.errors import ConnectionChangedError
from chalicelib.oauth2.models import Connection
from chalicelib.storage import Database, LookupItem, UTCDateTime
from chalicelib.storage.conditions import refusal_ignored


class ConnectionItem(LookupItem):
    """A user's tokens for one server."""

    user_id = UnicodeAttribute()
    server_id = UnicodeAttribute()
    access_token = BinaryAttribute(legacy_encoding=False)
    refresh_token = BinaryAttribute(legacy_encoding=False)
    token_type = UnicodeAttribute()
    scope = UnicodeAttribute()
    issuer = UnicodeAttribute()
    expires_at = UTCDateTime(null=True)
    grant_generation = NumberAttribute()
    created_at = UTCDateTime()


class ConnectionRepository:
    """Stores users' connections; never sees a token in the clear."""

    def __init__(self, database: Database, servers: MCPServerRepository) -> None:
        self._database = database
        self._servers = servers
        self._connections = database.bind(ConnectionItem, "connections")

    def find(self, user_id: str, server_id: str) -> Connection | None:
        """A user's connection to a server."""
        item = self._connections.find(_user_key(user_id), _server_key(server_id))
        return None if item is None else _to_connection(item)

    def list_for_user(self, user_id: str) -> list[Connection]:
        """All of a user's connections, in one query."""
        found = self._connections.query(_user_key(user_id), consistent_read=True)
        return [_to_connection(item) for item in found]

    def put(self, connection: Connection, server: MCPServer) -> None:
        """Store a connection in place of the user's former one to the server.

        Raises:
            ServerNotFoundError: the server has moved or gone since it was read; the tokens were
                granted for somewhere else.
        """
        transaction = self._database.transaction()
        self._servers.require_destination(transaction, server)
        anything = self._connections.absent() | self._connections.present()
        transaction.put(self._to_item(connection), anything, ConnectionChangedError())
        transaction.commit()

    def remove(self, user_id: str, server_id: str) -> None:
        """Remove a connection; nothing happens if it is gone."""
        item = self._connections(_user_key(user_id), _server_key(server_id))
        with refusal_ignored():
            item.delete(condition=self._connections.present())

    def remove_all(self, server_id: str) -> None:
        """Remove every user's connection to a server; safe to repeat."""
        found: Iterable[ConnectionItem] = self._connections.query(
            _server_key(server_id), index_name="lookup"
        )
        for item in found:
            self.remove(item.user_id, server_id)

    def _to_item(self, connection: Connection) -> ConnectionItem:
        return self._connections(
            PK=_user_key(connection.user_id),
            SK=_server_key(connection.server_id),
            LPK=_server_key(connection.server_id),
            LSK=_user_key(connection.user_id),
            user_id=connection.user_id,
            server_id=connection.server_id,
            access_token=connection.access_token,
            refresh_token=connection.refresh_token,
            token_type=connection.token_type,
            scope=connection.scope,
            issuer=connection.issuer,
            expires_at=connection.expires_at,
            grant_generation=connection.grant_generation,
            created_at=connection.created_at,
        )


def _user_key(user_id: str) -> str:
    return f"USER#{user_id}"


def _server_key(server_id: str) -> str:
    return f"SERVER#{server_id}"


def _to_connection(item: ConnectionItem) -> Connection:
    return Connection(
        user_id=item.user_id,
        server_id=item.server_id,
        access_token=item.access_token,
        refresh_token=item.refresh_token,
        token_type=item.token_type,
        scope=item.scope,
        issuer=item.issuer,
        expires_at=item.expires_at,
        grant_generation=int(item.grant_generation),
        created_at=item.created_at,
    )
