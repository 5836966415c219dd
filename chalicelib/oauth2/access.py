"""Users' connections in use: the header that authorises a request, refreshed when it must be."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from chalicelib.errors import CiboriumError, UpstreamError, UpstreamTimeoutError
from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.errors import (
    ConnectionGoneError,
    ConnectRequiredError,
    RefreshRefusedError,
)
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.own_urls import OwnURLs
from chalicelib.oauth2.reauthorization import Reauthorizer
from chalicelib.oauth2.refreshing import TokenRefresher
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.tokens import TokenSealer
from chalicelib.primitives import Clock

_EARLY = timedelta(seconds=10)


class AccessTokens:
    """Gives out access tokens to send; lives as long as the container."""

    def __init__(
        self,
        repository: ConnectionRepository,
        tokens: TokenSealer,
        refresher: TokenRefresher,
        reauthorizer: Reauthorizer,
        urls: OwnURLs,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._tokens = tokens
        self._refresher = refresher
        self._reauthorizer = reauthorizer
        self._urls = urls
        self._clock = clock

    def find_connections(
        self, actor: Actor, servers: Sequence[MCPServer]
    ) -> Mapping[str, Connection | None]:
        """The actor's connections to servers, by the server's id; at most one read."""
        if len(servers) == 1:
            return {servers[0].id: self._repository.find(actor.user_id, servers[0].id)}
        found: dict[str, Connection | None] = dict.fromkeys(server.id for server in servers)
        if servers:
            ours = self._repository.list_for_user(actor.user_id)
            found.update({each.server_id: each for each in ours if each.server_id in found})
        return found

    def header(self, actor: Actor, connection: Connection | None, server: MCPServer) -> str:
        """The `Authorization` header for requests to a server (RFC 6750 section 2.1).

        A token that has expired, or will within ten seconds, is refreshed first.

        Raises:
            ConnectRequiredError: there is no usable connection.
            AuthorizationServerChangedError: an admin must help.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError: the provider
                did not renew an expired token this time.
        """
        return self._header(self._refreshed(actor, self._usable(connection, server), server))

    def find_other_header(self, actor: Actor, server: MCPServer, refused: str) -> str | None:
        """Another header than one that the server has just refused with 401, if there is one.

        Raises:
            ConnectRequiredError: the connection has gone or ended meanwhile.
            AuthorizationServerChangedError: an admin must help.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError: the provider
                did not renew the token this time.
        """
        connection = self._usable(self._repository.find(actor.user_id, server.id), server)
        header = self._header(connection)
        if header != refused:  # Another request has renewed it meanwhile.
            return header
        if not connection.refresh_token:
            return None
        return self._header(self._refresh(actor, connection, server))

    def _usable(self, connection: Connection | None, server: MCPServer) -> Connection:
        if connection is None or not connection.is_usable(self._clock(), server.grant_generation):
            raise self._connect_required(server)
        return connection

    def _refreshed(self, actor: Actor, connection: Connection, server: MCPServer) -> Connection:
        now = self._clock()
        if not connection.refresh_token or not connection.is_expired(now, _EARLY):
            return connection
        try:
            return self._refresh(actor, connection, server)
        except ConnectRequiredError:
            raise
        except CiboriumError:
            if connection.is_expired(now):
                raise
            return connection  # It is good for some seconds more.

    def _refresh(self, actor: Actor, connection: Connection, server: MCPServer) -> Connection:
        if server.oauth2.has_expired(self._clock()):
            # Our client has to be registered anew, which connecting does; its grants end with it.
            raise self._connect_required(server)
        try:
            with self._noticing_a_move(actor, server):
                return self._refresher.refresh(connection, server)
        except (RefreshRefusedError, ConnectionGoneError) as exc:
            raise self._connect_required(server) from exc

    @contextmanager
    def _noticing_a_move(self, actor: Actor, server: MCPServer) -> Iterator[None]:
        """An authorization server that does not renew may be one that the server has left."""
        try:
            yield
        except (UpstreamError, UpstreamTimeoutError) as exc:
            moved = self._reauthorizer.find_move(actor, server)
            if moved is None:
                raise
            raise moved from exc

    def _connect_required(self, server: MCPServer) -> ConnectRequiredError:
        return ConnectRequiredError(self._urls.connect(server.id))

    def _header(self, connection: Connection) -> str:
        return f"{connection.token_type} {self._tokens.open_access_token(connection)}"
