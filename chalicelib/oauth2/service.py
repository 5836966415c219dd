"""Users' connections to MCP servers: starting one, finishing it, using it, ending it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.egress import Egress
from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, Vault, organization_scope
from chalicelib.encryption.fields import (
    CONNECTION_ACCESS_TOKEN,
    CONNECTION_REFRESH_TOKEN,
    SERVER_CLIENT_SECRET,
)
from chalicelib.errors import CiboriumError
from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.errors import InvalidServerIDError, ServerNotFoundError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.authorization import build_authorization_url, validate_authorization_response
from chalicelib.oauth2.errors import (
    CannotConnectError,
    ConnectRequiredError,
    InvalidStateError,
    MissingCodeError,
    ProviderRefusedError,
    ServerMovedError,
)
from chalicelib.oauth2.flow import (
    FLOW_SECONDS,
    CallbackQuery,
    Flow,
    callback_path,
    connect_path,
    open_flow,
    seal_flow,
)
from chalicelib.oauth2.models import ClientCredentials, Connection, TokenResponse
from chalicelib.oauth2.pkce import new_pkce
from chalicelib.oauth2.registry import ConnectionRegistry
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.revocation import revoke_token
from chalicelib.oauth2.token_endpoint import exchange_code
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, parse_id
from chalicelib.sdk.mcp_servers import AuthType

_STATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class StartedFlow:
    """Where to send the browser, and what it must carry back."""

    server_id: str
    authorization_url: str = field(repr=False)
    state: str = field(repr=False)
    sealed_flow: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What became of the tokens at the provider; `problem` is fit for the user's eyes."""

    revoked: bool
    problem: str = ""


class ConnectionService:
    """Brokers users' OAuth2 connections; lives as long as the container."""

    def __init__(
        self,
        repository: ConnectionRepository,
        registry: ConnectionRegistry,
        servers: MCPServerService,
        organizations: OrganizationService,
        vault: Vault,
        egress: Egress,
        public_url: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._servers = servers
        self._organizations = organizations
        self._vault = vault
        self._egress = egress
        self._public_url = public_url
        self._clock = clock

    def start(self, actor: Actor, server_id: str) -> StartedFlow:
        """Begin an authorization code flow with PKCE (RFC 6749 section 4.1.1, RFC 7636).

        Any signed-in user may connect to an enabled server.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            CannotConnectError: it is disabled, or has no OAuth2 client.
        """
        server = self._connectable(server_id)
        pkce, state = new_pkce(), secrets.token_urlsafe(_STATE_BYTES)
        flow = Flow(
            code_verifier=pkce.verifier,
            issuer=server.oauth2.issuer,
            grant_generation=server.grant_generation,
            expires_at=self._clock() + timedelta(seconds=FLOW_SECONDS),
        )
        url = build_authorization_url(
            server.oauth2.auth_url,
            client_id=server.oauth2.client_id,
            redirect_uri=self._redirect_uri(server),
            state=state,
            code_challenge=pkce.challenge,
            scopes=tuple(server.oauth2.scopes.split()),
            resource=resource_of(server),
        )
        sealed = seal_flow(self._vault, flow, server.id, actor.user_id)
        return StartedFlow(server.id, url, state, sealed)

    def finish(self, actor: Actor, server_id: str, query: CallbackQuery) -> None:
        """Exchange the code for tokens and keep them, sealed, as the actor's.

        What the query says is believed only once the state, the cookie's seal and the issuer hold;
        until then not even its error text is shown (RFC 9207 section 2.4).

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            CannotConnectError: it is disabled, or has no OAuth2 client.
            ProviderRefusedError: the authorization server reports an error.
            MissingCodeError, InvalidStateError: this is not the answer to a flow of this browser.
            AuthorizationResponseError: the answer is another authorization server's.
            ServerMovedError: an admin changed the server meanwhile.
            TokenExchangeError: the authorization server gave no token for the code.
        """
        server = self._connectable(server_id)
        flow = self._verified_flow(actor, server, query)
        tokens = exchange_code(
            self._egress,
            self._client(server),
            token_endpoint=server.oauth2.token_url,
            code=query.code,
            code_verifier=flow.code_verifier,
            redirect_uri=self._redirect_uri(server),
            resource=resource_of(server),
        )
        connection = self._seal_tokens(actor, server, tokens)
        try:
            self._repository.put(connection, server)
        except ServerNotFoundError as exc:
            raise ServerMovedError from exc

    def disconnect(self, actor: Actor, server_id: str) -> Disconnected:
        """Forget the actor's tokens for a server, then revoke them at the provider (RFC 7009).

        An unknown server, a hidden one and one without a connection look the same.

        Raises:
            InvalidServerIDError: the id is not a UUID.
        """
        parsed = parse_id(server_id)
        if parsed is None:
            raise InvalidServerIDError
        connection = self._repository.find(actor.user_id, parsed)
        if connection is None:
            return Disconnected(revoked=False)
        self._repository.remove(actor.user_id, parsed)
        return self._revoke(connection)

    def authorization_header(self, actor: Actor, server: MCPServer) -> str:
        """The `Authorization` header for the actor's requests to a server (RFC 6750 section 2.1).

        Raises:
            ConnectRequiredError: the actor has no usable connection to it.
        """
        connection = self._registry.find_usable(actor.user_id, server)
        if connection is None:
            raise self.connect_required(server)
        place = Place(CONNECTION_ACCESS_TOKEN, server.id, actor.user_id)
        token = self._vault.open(connection.access_token, place)
        return f"{connection.token_type} {token}"

    def connect_required(self, server: MCPServer) -> ConnectRequiredError:
        """The error that tells the user to connect, and where."""
        return ConnectRequiredError(self._public_url(connect_path(server.id)))

    def _connectable(self, server_id: str) -> MCPServer:
        server = self._servers.require(server_id)
        if not server.enabled:
            raise CannotConnectError("MCP server is not enabled.")
        if server.auth_type is not AuthType.OAUTH2:
            raise CannotConnectError("MCP server does not use OAuth2 authentication.")
        if not server.oauth2.is_complete:
            raise CannotConnectError("MCP server OAuth2 authorization URL is not configured.")
        return server

    def _verified_flow(self, actor: Actor, server: MCPServer, query: CallbackQuery) -> Flow:
        if query.error and not query.has_own_state:
            raise ProviderRefusedError
        if not query.code and not query.error:
            raise MissingCodeError
        if not query.has_own_state:
            raise InvalidStateError
        flow = open_flow(self._vault, query.sealed_flow, server.id, actor.user_id, self._clock())
        if flow.grant_generation != server.grant_generation:
            raise ServerMovedError
        validate_authorization_response(
            expected_issuer=flow.issuer or None,
            iss=query.iss,
            iss_supported=server.oauth2.issues_iss,
        )
        if query.error:
            raise ProviderRefusedError(query.error, query.error_description)
        return flow

    def _seal_tokens(self, actor: Actor, server: MCPServer, tokens: TokenResponse) -> Connection:
        now = self._clock()
        organization_ids = self._organizations.ids_of(actor.user_id)
        scope = organization_scope(organization_ids[0]) if organization_ids else DEPLOYMENT_SCOPE
        lifetime = tokens.expires_in
        return Connection(
            user_id=actor.user_id,
            server_id=server.id,
            access_token=self._vault.seal(
                tokens.access_token, Place(CONNECTION_ACCESS_TOKEN, server.id, actor.user_id), scope
            ),
            refresh_token=self._vault.seal(
                tokens.refresh_token or "",
                Place(CONNECTION_REFRESH_TOKEN, server.id, actor.user_id),
                scope,
            ),
            token_type=tokens.token_type,
            scope=tokens.scope or server.oauth2.scopes,
            issuer=server.oauth2.issuer,
            expires_at=None if lifetime is None else now + timedelta(seconds=lifetime),
            grant_generation=server.grant_generation,
            created_at=now,
        )

    def _revoke(self, connection: Connection) -> Disconnected:
        try:
            server = self._servers.require(connection.server_id)
        except ServerNotFoundError:
            return Disconnected(revoked=False)
        if (
            not server.oauth2.revocation_url
            or connection.grant_generation != server.grant_generation
        ):
            return Disconnected(revoked=False)
        place = (server.id, connection.user_id)
        try:
            revoke_token(
                self._egress,
                self._client(server),
                revocation_endpoint=server.oauth2.revocation_url,
                access_token=self._vault.open(
                    connection.access_token, Place(CONNECTION_ACCESS_TOKEN, *place)
                ),
                refresh_token=self._vault.open(
                    connection.refresh_token, Place(CONNECTION_REFRESH_TOKEN, *place)
                ),
            )
        except CiboriumError:
            problem = "The provider did not confirm. Revoke Ciborium's access there to be sure."
            return Disconnected(revoked=False, problem=problem)
        return Disconnected(revoked=True)

    def _client(self, server: MCPServer) -> ClientCredentials:
        secret = self._vault.open(
            server.oauth2.client_secret, Place(SERVER_CLIENT_SECRET, server.id)
        )
        method = server.oauth2.token_auth_method
        return ClientCredentials(
            server.oauth2.client_id, secret, method or ("client_secret_basic" if secret else "none")
        )

    def _redirect_uri(self, server: MCPServer) -> str:
        return self._public_url(callback_path(server.id))


def resource_of(server: MCPServer) -> str:
    """The resource indicator (RFC 8707): as its metadata spells it, else the server's own URL."""
    return server.oauth2.resource or server.url.partition("#")[0]
