"""Users' connections to MCP servers: starting one, finishing it, using it, ending it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.egress import Egress
from chalicelib.encryption import DEPLOYMENT_SCOPE, Vault, organization_scope
from chalicelib.errors import (
    CiboriumError,
    InvalidInputError,
    UpstreamError,
    UpstreamTimeoutError,
)
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.errors import InvalidServerIDError, ServerNotFoundError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.authorization import build_authorization_url, validate_authorization_response
from chalicelib.oauth2.errors import (
    CannotConnectError,
    ConnectionGoneError,
    ConnectRequiredError,
    InvalidStateError,
    MissingCodeError,
    ProviderRefusedError,
    RefreshRefusedError,
    ServerMovedError,
    TokenExchangeError,
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
from chalicelib.oauth2.models import Connection, TokenResponse
from chalicelib.oauth2.pkce import new_pkce
from chalicelib.oauth2.refreshing import TokenRefresher
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.revocation import revoke_token
from chalicelib.oauth2.token_endpoint import exchange_code
from chalicelib.oauth2.tokens import TokenSealer, resource_of
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, parse_id
from chalicelib.sdk.mcp_servers import AuthType

_STATE_BYTES = 32
_EARLY = timedelta(seconds=10)


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
        servers: MCPServerService,
        organizations: OrganizationService,
        vault: Vault,
        refresher: TokenRefresher,
        egress: Egress,
        public_url: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._organizations = organizations
        self._vault = vault
        self._tokens = TokenSealer(vault, clock)
        self._refresher = refresher
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
            state=state,
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
        tokens = self._exchange(actor, server, query.code, flow)
        organization_ids = self._organizations.ids_of(actor.user_id)
        scope = organization_scope(organization_ids[0]) if organization_ids else DEPLOYMENT_SCOPE
        connection = self._tokens.seal(tokens, actor.user_id, server, scope)
        try:
            self._repository.put(connection, server)
        except ServerNotFoundError as exc:
            self._refresher.revoke_unstored(server, tokens)
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

        A token that has expired, or will within ten seconds, is refreshed first.

        Raises:
            ConnectRequiredError: the actor has no usable connection to it.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError: the provider
                did not renew an expired token this time.
        """
        connection = self._usable(actor, server)
        return self._header(self._refreshed(connection, server, early=_EARLY))

    def renewed_header(self, actor: Actor, server: MCPServer, refused: str) -> str:
        """Another header than one that the server has just refused with 401.

        Raises:
            ConnectRequiredError: there is no other; the actor must connect again.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError: the provider
                did not renew the token this time.
        """
        connection = self._usable(actor, server)
        header = self._header(connection)
        if header != refused:  # Another request has renewed it meanwhile.
            return header
        if not connection.refresh_token:
            raise self.connect_required(server)
        try:
            return self._header(self._refresher.refresh(connection, server))
        except (RefreshRefusedError, ConnectionGoneError) as exc:
            raise self.connect_required(server) from exc

    def connect_required(self, server: MCPServer) -> ConnectRequiredError:
        """The error that tells the user to connect, and where."""
        return ConnectRequiredError(self._public_url(connect_path(server.id)))

    def _exchange(self, actor: Actor, server: MCPServer, code: str, flow: Flow) -> TokenResponse:
        try:
            return exchange_code(
                self._egress,
                self._tokens.client_of(server),
                token_endpoint=server.oauth2.token_url,
                code=code,
                code_verifier=flow.code_verifier,
                redirect_uri=self._redirect_uri(server),
                resource=resource_of(server),
            )
        except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
            if isinstance(exc, TokenExchangeError) or actor.may(Permission.MCP_SERVER_READ):
                raise
            # Its text names the endpoint's host, which members may not know.
            raise TokenExchangeError("The authorization server did not answer") from exc

    def _usable(self, actor: Actor, server: MCPServer) -> Connection:
        connection = self._repository.find(actor.user_id, server.id)
        if connection is None or not connection.is_usable(self._clock(), server.grant_generation):
            raise self.connect_required(server)
        return connection

    def _refreshed(self, connection: Connection, server: MCPServer, early: timedelta) -> Connection:
        now = self._clock()
        if not connection.refresh_token or not connection.is_expired(now, early):
            return connection
        try:
            return self._refresher.refresh(connection, server)
        except (RefreshRefusedError, ConnectionGoneError) as exc:
            raise self.connect_required(server) from exc
        except CiboriumError:
            if connection.is_expired(now):
                raise
            return connection  # It is good for some seconds more.

    def _header(self, connection: Connection) -> str:
        return f"{connection.token_type} {self._tokens.open_access_token(connection)}"

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
        flow = open_flow(self._vault, query, server.id, actor.user_id, self._clock())
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
        try:
            revoke_token(
                self._egress,
                self._tokens.client_of(server),
                revocation_endpoint=server.oauth2.revocation_url,
                access_token=self._tokens.open_access_token(connection),
                refresh_token=self._tokens.open_refresh_token(connection),
            )
        except CiboriumError:
            problem = "The provider did not confirm. Revoke Ciborium's access there to be sure."
            return Disconnected(revoked=False, problem=problem)
        return Disconnected(revoked=True)

    def _redirect_uri(self, server: MCPServer) -> str:
        return self._public_url(callback_path(server.id))
