"""Refreshing connections, one request at a time (`turns.py`)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from chalicelib.errors import CiboriumError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.errors import (
    ConnectionChangedError,
    ConnectionGoneError,
    RefreshRefusedError,
)
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.provider import Provider
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.tokens import TokenSealer
from chalicelib.oauth2.turns import LEASE, store_surely, take_turns
from chalicelib.primitives import Clock


class TokenRefresher:
    """Refreshes connections; lives as long as the container.

    Args:
        repository: where connections are stored.
        tokens: seals and opens them.
        provider: whom to ask.
        clock: the time.
        pause: waits for some seconds.
    """

    def __init__(
        self,
        repository: ConnectionRepository,
        tokens: TokenSealer,
        provider: Provider,
        clock: Clock,
        pause: Callable[[float], object],
    ) -> None:
        self._repository = repository
        self._tokens = tokens
        self._provider = provider
        self._clock = clock
        self._pause = pause

    def refresh(self, connection: Connection, server: MCPServer) -> Connection:
        """The connection with fresh tokens, which are stored before they are returned.

        Raises:
            RefreshRefusedError: the provider refuses for good; that is remembered.
            ConnectionGoneError: it was removed meanwhile, or refused before.
            RefreshBusyError: another request did not finish in time.
            RefreshError, EgressRefusedError, EgressConnectionError, EgressTimeoutError,
            EgressResponseError: the provider did not do it this time.
        """

        def attempt(holder: str) -> Connection | None:
            now = self._clock()
            if self._repository.claim(connection, holder, now, now + LEASE):
                return self._refresh_claimed(connection, server, holder)
            latest = self._latest(connection, server)
            return None if latest.version == connection.version else latest

        return take_turns(attempt, self._pause)

    def _refresh_claimed(
        self, connection: Connection, server: MCPServer, holder: str
    ) -> Connection:
        try:
            self._tokens.prepare(connection.key_scope)  # It will be another refresh token.
            refresh_token = self._tokens.open_refresh_token(connection)
            tokens = self._provider.refresh(server, refresh_token)
        except RefreshRefusedError:
            refused = replace(
                connection,
                access_token=b"",
                refresh_token=b"",
                is_refused=True,
                version=connection.version + 1,
            )
            with suppress(ConnectionChangedError):
                self._repository.complete(refused, holder)
            raise
        except CiboriumError:
            self._repository.release(connection, holder)
            raise
        renewed = self._tokens.renew(connection, tokens)
        try:
            store_surely(lambda: self._repository.complete(renewed, holder), self._pause)
        except ConnectionChangedError:
            # A disconnect or a new connection wins, and nobody else knows these tokens.
            self._provider.revoke_unstored(server, tokens)
            return self._latest(connection, server)
        return renewed

    def _latest(self, connection: Connection, server: MCPServer) -> Connection:
        latest = self._repository.find(connection.user_id, connection.server_id)
        if latest is None or not latest.is_usable(self._clock(), server.grant_generation):
            raise ConnectionGoneError
        return latest
