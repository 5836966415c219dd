"""Tokens on their way between the provider and the connections table: sealed, and opened again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, Vault, organization_scope
from chalicelib.encryption.fields import (
    CONNECTION_ACCESS_TOKEN,
    CONNECTION_REFRESH_TOKEN,
    SERVER_CLIENT_SECRET,
)
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.models import (
    CLIENT_SECRET_BASIC,
    PUBLIC_CLIENT,
    ClientCredentials,
    Connection,
    TokenResponse,
)
from chalicelib.primitives import Clock


class TokenSealer:
    """Seals and opens what belongs to a connection; stores nothing."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def client_of(self, server: MCPServer) -> ClientCredentials:
        """How we authenticate at a server's authorization server.

        RFC 6749 section 2.3.1 makes every server support Basic for a client with a secret.
        """
        place = Place(SERVER_CLIENT_SECRET, server.id)
        secret = self._vault.open(server.oauth2.client_secret, place)
        by_default = CLIENT_SECRET_BASIC if secret else PUBLIC_CLIENT
        method = server.oauth2.token_auth_method or by_default
        return ClientCredentials(server.oauth2.client_id, secret, method)

    def seal(
        self,
        tokens: TokenResponse,
        user_id: str,
        server: MCPServer,
        *,
        requested_scope: str,
        key_scope: str,
    ) -> Connection:
        """A new connection from the tokens that a code was exchanged for."""
        now = self._clock()
        blank = Connection(
            user_id=user_id,
            server_id=server.id,
            access_token=b"",
            refresh_token=b"",
            token_type="",
            scope=requested_scope,
            requested_scope=requested_scope,
            issuer=server.oauth2.issuer,
            key_scope=key_scope,
            expires_at=None,
            grant_generation=server.grant_generation,
            created_at=now,
            version=0,
        )
        return self.renew(blank, tokens)

    def prepare(self, key_scope: str) -> None:
        """See that tokens can be sealed, before a provider gives what it gives only once.

        Raises:
            EncryptionUnavailableError: they cannot.
        """
        self._vault.prepare(key_scope)

    def renew(self, connection: Connection, tokens: TokenResponse) -> Connection:
        """The connection with new tokens; a refresh token that is not replaced stays.

        RFC 6749 section 6.
        """
        access, refresh = self._places(connection)
        refresh_token = connection.refresh_token
        if tokens.refresh_token:
            refresh_token = self._vault.seal(tokens.refresh_token, refresh, connection.key_scope)
        return replace(
            connection,
            access_token=self._vault.seal(tokens.access_token, access, connection.key_scope),
            refresh_token=refresh_token,
            token_type=tokens.token_type,
            scope=tokens.scope or connection.scope,
            expires_at=self._expiry(tokens.expires_in),
            version=connection.version + 1,
        )

    def open_access_token(self, connection: Connection) -> str:
        """The access token in the clear."""
        return self._vault.open(connection.access_token, self._places(connection)[0])

    def open_refresh_token(self, connection: Connection) -> str:
        """The refresh token in the clear; empty if there is none."""
        return self._vault.open(connection.refresh_token, self._places(connection)[1])

    def _expiry(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self._clock() + timedelta(seconds=seconds)

    @staticmethod
    def _places(connection: Connection) -> tuple[Place, Place]:
        where = (connection.server_id, connection.user_id)
        return Place(CONNECTION_ACCESS_TOKEN, *where), Place(CONNECTION_REFRESH_TOKEN, *where)


def key_scope_of(organization_ids: Sequence[str]) -> str:
    """The scope whose data key seals a user's secrets: their oldest organisation's, if any."""
    return organization_scope(organization_ids[0]) if organization_ids else DEPLOYMENT_SCOPE


def resource_of(server: MCPServer) -> str:
    """The resource indicator (RFC 8707): as its metadata spells it, else the server's own URL."""
    return server.oauth2.resource or server.url.partition("#")[0]
