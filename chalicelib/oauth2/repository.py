"""The connections table.

USER#<user> / SERVER#<server>   a user's connection to a server: tokens, or header values;
                                in the lookup index under SERVER#<server>
REFUSALS#<user> / SERVER#<server>   what the server lately refused to the user; DynamoDB forgets it
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.identity.repository import IdentityRepository
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.oauth2.errors import (
    ConnectionChangedError,
    ConnectionGoneError,
    RefusalsChangedError,
)
from chalicelib.oauth2.models import Connection, Refusals
from chalicelib.storage import Database, LookupItem, UTCDateTime, VersionedItem
from chalicelib.storage.conditions import refusal_ignored, refused_as


class ConnectionItem(LookupItem):
    """A user's tokens for one server."""

    user_id = UnicodeAttribute()
    server_id = UnicodeAttribute()
    access_token = BinaryAttribute(legacy_encoding=False)
    refresh_token = BinaryAttribute(legacy_encoding=False)
    token_type = UnicodeAttribute()
    scope = UnicodeAttribute()
    requested_scope = UnicodeAttribute(default="")
    issuer = UnicodeAttribute()
    key_scope = UnicodeAttribute()
    expires_at = UTCDateTime(null=True)
    grant_generation = NumberAttribute()
    created_at = UTCDateTime()
    version = NumberAttribute()
    is_refused = BooleanAttribute()
    lease_holder = UnicodeAttribute(null=True)
    lease_until = UTCDateTime(null=True)
    user_headers = BinaryAttribute(legacy_encoding=False, default=b"")
    user_header_names: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, default=list)


class RefusalsItem(VersionedItem):
    """What a server lately refused to a user."""

    user_id = UnicodeAttribute()
    server_id = UnicodeAttribute()
    grant_generation = NumberAttribute()
    scope = UnicodeAttribute()
    grants: JSONAttribute = JSONAttribute()
    until = UTCDateTime()
    ttl = NumberAttribute()


class RefusalsRepository:
    """Stores what servers lately refused."""

    def __init__(self, database: Database) -> None:
        self._refusals = database.bind(RefusalsItem, "connections")

    def find(self, user_id: str, server_id: str) -> Refusals | None:
        """What a server refused to a user, also if it is to be forgotten already."""
        item = self._refusals.find(_refusals_key(user_id), _server_key(server_id))
        return None if item is None else _to_refusals(item)

    def put(self, refusals: Refusals) -> None:
        """Store what comes after the version before.

        Raises:
            RefusalsChangedError: another request has stored something meanwhile.
        """
        before = refusals.version - 1
        item = self._refusals(
            PK=_refusals_key(refusals.user_id),
            SK=_server_key(refusals.server_id),
            user_id=refusals.user_id,
            server_id=refusals.server_id,
            grant_generation=refusals.grant_generation,
            scope=refusals.scope,
            grants={name: list(grants) for name, grants in refusals.grants.items()},
            until=refusals.until,
            ttl=int(refusals.until.timestamp()),
            version=refusals.version,
        )
        unchanged = self._refusals.at_version(before) if before else self._refusals.absent()
        with refused_as(RefusalsChangedError()):
            item.save(condition=unchanged)


class ConnectionRepository:
    """Stores users' connections; never sees a token in the clear."""

    def __init__(
        self,
        database: Database,
        audit: AuditRepository,
        servers: MCPServerRepository,
        identity: IdentityRepository,
    ) -> None:
        self._database = database
        self._audit = audit
        self._servers = servers
        self._identity = identity
        self._connections = database.bind(ConnectionItem, "connections")

    def find(self, user_id: str, server_id: str) -> Connection | None:
        """A user's connection to a server."""
        item = self._connections.find(_user_key(user_id), _server_key(server_id))
        return None if item is None else _to_connection(item)

    def list_for_user(self, user_id: str) -> list[Connection]:
        """All of a user's connections, in one query."""
        found = self._connections.query(_user_key(user_id), consistent_read=True)
        return [_to_connection(item) for item in found]

    def put(self, connection: Connection, server: MCPServer, event: NewEvent) -> None:
        """Store a connection in place of the user's former one to the server.

        Raises:
            ServerNotFoundError: the server has moved or gone since it was read; the tokens were
                granted for somewhere else.
            InvalidTokenError: the user has been suspended or deleted since.
        """
        transaction = self._audit.transaction(event)
        self._identity.require_active(transaction, connection.user_id)
        self._servers.require_destination(transaction, server)
        anything = self._connections.absent() | self._connections.present()
        transaction.put(self._to_item(connection), anything, ConnectionChangedError())
        transaction.commit()

    def claim(self, connection: Connection, holder: str, now: datetime, until: datetime) -> bool:
        """Take the lease on refreshing a connection; False if another has it, or it has changed.

        A holder that died loses the lease at `until`; one that asks again has it already: botocore
        sends a write again when its answer was lost.
        """
        names = self._connections
        item = self._key_of(connection)
        unchanged = names.version == connection.version
        is_free = (
            names.lease_until.does_not_exist()
            | (names.lease_until <= now)
            | (names.lease_holder == holder)
        )
        try:
            with refused_as(ConnectionChangedError()):
                item.update(
                    actions=[names.lease_holder.set(holder), names.lease_until.set(until)],
                    condition=unchanged & is_free,
                )
        except ConnectionChangedError:
            return False
        return True

    def complete(self, renewed: Connection, holder: str) -> None:
        """Store refreshed tokens and give the lease back.

        Raises:
            ConnectionChangedError: the lease is lost: the connection was removed or made anew, or
                the holder took too long. What won stays.
        """
        names = self._connections
        # A sealed value is another each time, so these very ones are our own, of an attempt whose
        # answer was lost.
        is_done = (names.version == renewed.version) & (names.access_token == renewed.access_token)
        with refused_as(ConnectionChangedError()):
            self._key_of(renewed).update(
                actions=[
                    names.access_token.set(renewed.access_token),
                    names.refresh_token.set(renewed.refresh_token),
                    names.token_type.set(renewed.token_type),
                    names.scope.set(renewed.scope),
                    names.version.set(renewed.version),
                    names.is_refused.set(renewed.is_refused),
                    names.expires_at.set(renewed.expires_at)
                    if renewed.expires_at
                    else names.expires_at.remove(),
                    names.lease_holder.remove(),
                    names.lease_until.remove(),
                ],
                condition=(names.lease_holder == holder) | is_done,
            )

    def release(self, connection: Connection, holder: str) -> None:
        """Give the lease back unused; nothing happens if it is lost."""
        with refusal_ignored():
            self._key_of(connection).update(
                actions=[
                    self._connections.lease_holder.remove(),
                    self._connections.lease_until.remove(),
                ],
                condition=self._connections.lease_holder == holder,
            )

    def remove(self, connection: Connection, event: NewEvent) -> None:
        """Remove a connection; nothing happens, and nothing is recorded, if it is gone."""
        transaction = self._audit.transaction(event)
        item, present = self._key_of(connection), self._connections.present()
        transaction.delete(item, present, ConnectionGoneError())
        with suppress(ConnectionGoneError):
            transaction.commit()

    def remove_all(self, server_id: str) -> None:
        """Remove every user's connection to a server; safe to repeat.

        The event is the server's change that made them void.
        """
        found: Iterable[ConnectionItem] = self._connections.query(
            _server_key(server_id), index_name="lookup"
        )
        for item in found:
            key = self._connections(item.PK, item.SK)
            with refusal_ignored():
                key.delete(condition=self._connections.present())

    def forget(self, connection: Connection) -> None:
        """Remove a connection of a deleted user; that they were deleted is recorded."""
        self._database.remove_all([self._key_of(connection)])

    def _key_of(self, connection: Connection) -> ConnectionItem:
        return self._connections(_user_key(connection.user_id), _server_key(connection.server_id))

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
            requested_scope=connection.requested_scope,
            issuer=connection.issuer,
            key_scope=connection.key_scope,
            expires_at=connection.expires_at,
            grant_generation=connection.grant_generation,
            created_at=connection.created_at,
            version=connection.version,
            is_refused=connection.is_refused,
            user_headers=connection.user_headers,
            user_header_names=list(connection.user_header_names),
        )


def _user_key(user_id: str) -> str:
    return f"USER#{user_id}"


def _refusals_key(user_id: str) -> str:
    return f"REFUSALS#{user_id}"


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
        requested_scope=item.requested_scope,
        issuer=item.issuer,
        key_scope=item.key_scope,
        expires_at=item.expires_at,
        grant_generation=int(item.grant_generation),
        created_at=item.created_at,
        version=int(item.version),
        is_refused=item.is_refused,
        user_headers=item.user_headers,
        user_header_names=tuple(item.user_header_names),
    )


def _to_refusals(item: RefusalsItem) -> Refusals:
    return Refusals(
        user_id=item.user_id,
        server_id=item.server_id,
        grant_generation=int(item.grant_generation),
        scope=item.scope,
        grants=item.grants,
        until=item.until,
        version=int(item.version),
    )
