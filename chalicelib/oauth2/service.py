"""Users' connections to MCP servers: starting one, finishing it, ending it."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.egress import Deadline
from chalicelib.encryption import Vault
from chalicelib.errors import (
    CiboriumError,
    InvalidInputError,
    UpstreamError,
    UpstreamTimeoutError,
)
from chalicelib.identity.errors import InvalidTokenError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.errors import InvalidServerIDError, ServerNotFoundError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.auditing import describe_connection
from chalicelib.oauth2.authorization import build_authorization_url, validate_authorization_response
from chalicelib.oauth2.client_metadata import ClientMetadata, build_client_metadata
from chalicelib.oauth2.errors import (
    CannotConnectError,
    InvalidStateError,
    MissingCodeError,
    ProviderRefusedError,
    ServerMovedError,
    TokenExchangeError,
)
from chalicelib.oauth2.flow import (
    FLOW_SECONDS,
    CallbackQuery,
    Flow,
    open_flow,
    seal_flow,
)
from chalicelib.oauth2.models import Connection, TokenResponse
from chalicelib.oauth2.own_urls import OwnURLs
from chalicelib.oauth2.pkce import new_pkce
from chalicelib.oauth2.provider import Provider
from chalicelib.oauth2.reauthorization import Reauthorizer
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.tokens import TokenSealer, key_scope_of, resource_of
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, parse_id
from chalicelib.sdk.mcp_servers import AuthType

_STATE_BYTES = 32
_REVOKING_SECONDS = 8.0


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
        provider: Provider,
        reauthorizer: Reauthorizer,
        urls: OwnURLs,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._organizations = organizations
        self._vault = vault
        self._tokens = TokenSealer(vault, clock)
        self._provider = provider
        self._reauthorizer = reauthorizer
        self._urls = urls
        self._clock = clock

    def start(self, actor: Actor, server_id: str) -> StartedFlow:
        """Begin an authorization code flow with PKCE (RFC 6749 section 4.1.1, RFC 7636).

        Whoever may see an enabled server may connect to it.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            CannotConnectError: it is disabled, or has no OAuth2 client.
            DiscoveryError, RegistrationError: its client has expired and there is no other.
        """
        server = self._with_valid_client(actor, self._connectable(actor, server_id))
        pkce, state = new_pkce(), secrets.token_urlsafe(_STATE_BYTES)
        flow = Flow(
            state=state,
            code_verifier=pkce.verifier,
            issuer=server.oauth2.issuer,
            scope=self._reauthorizer.scope_for(actor.user_id, server),
            grant_generation=server.grant_generation,
            expires_at=self._clock() + timedelta(seconds=FLOW_SECONDS),
        )
        url = build_authorization_url(
            server.oauth2.auth_url,
            client_id=server.oauth2.client_id,
            redirect_uri=self._urls.callback(server.id),
            state=state,
            code_challenge=pkce.challenge,
            scopes=tuple(flow.scope.split()),
            resource=resource_of(server),
        )
        sealed = seal_flow(self._vault, flow, server.id, actor.user_id)
        return StartedFlow(server.id, url, state, sealed)

    def finish(self, actor: Actor, server_id: str, query: CallbackQuery) -> None:
        """Exchange the code for tokens and keep them, sealed, as the actor's.

        What the query says is believed only once the state, the cookie's seal and the issuer hold;
        until then not even its error text is shown (RFC 9207 section 2.4).

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            CannotConnectError: it is disabled, or has no OAuth2 client.
            ProviderRefusedError: the authorization server reports an error.
            MissingCodeError, InvalidStateError: this is not the answer to a flow of this browser.
            AuthorizationResponseError: the answer is another authorization server's.
            ServerMovedError: an admin changed the server meanwhile.
            TokenExchangeError: the authorization server gave no token for the code.
            InvalidTokenError: the actor was suspended or deleted meanwhile.
        """
        server = self._connectable(actor, server_id)
        flow = self._verified_flow(actor, server, query)
        scope = key_scope_of(self._organizations.ids_of(actor.user_id))
        self._tokens.prepare(scope)  # The code is good for one exchange.
        tokens = self._exchange(actor, server, query.code, flow)
        connection = self._tokens.seal(
            tokens, actor.user_id, server, requested_scope=flow.scope, key_scope=scope
        )
        made = diff({}, describe_connection(connection))
        event = actor.did(Action.CONNECT, ObjectType.CONNECTION, server.id, made)
        try:
            self._repository.put(connection, server, event)
        except InvalidTokenError:  # The actor was locked out meanwhile.
            self._provider.revoke_unstored(server, tokens)
            raise
        except ServerNotFoundError as exc:
            self._provider.revoke_unstored(server, tokens)
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
        if connection is None or connection.user_headers:
            return Disconnected(revoked=False)
        was = diff(describe_connection(connection), {})
        event = actor.did(Action.DISCONNECT, ObjectType.CONNECTION, parsed, was)
        self._repository.remove(connection, event)
        return self._revoke(connection)

    def disconnect_all(self, actor: Actor, user_id: str) -> dict[str, Disconnected]:
        """Forget all that a user connected, and revoke the tokens at their providers.

        Returns:
            What became of each connection, by its server's id.

        Raises:
            NotAllowedError: the actor may not.
        """
        actor.require(Permission.USER_WRITE)
        done = {}
        for connection in self._repository.list_for_user(user_id):
            was = diff({"user_id": user_id, **describe_connection(connection)}, {})
            event = actor.did(Action.DISCONNECT, ObjectType.CONNECTION, connection.server_id, was)
            self._repository.remove(connection, event)
            done[connection.server_id] = (
                Disconnected(revoked=False) if connection.user_headers else self._revoke(connection)
            )
        return done

    def remove_all_of(self, user_id: str) -> bool:
        """Forget a deleted user's tokens; implements `identity.ports.Belongings`.

        Each is revoked at its provider once it is forgotten, as long as the time lasts.
        """
        deadline = Deadline(_REVOKING_SECONDS)
        for connection in self._repository.list_for_user(user_id):
            self._repository.forget(connection)
            if deadline.remaining() > 0:
                with suppress(CiboriumError):
                    self._revoke(connection)
        return True

    def client_metadata(self, server_id: str) -> ClientMetadata:
        """Our Client ID Metadata Document for a server, which anybody may read.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server with OAuth2, or this
                deployment offers no documents.
        """
        server = self._servers.require_for_anybody(server_id)
        url = self._urls.client_metadata(server.id)
        if url is None or server.auth_type is not AuthType.OAUTH2:
            raise ServerNotFoundError
        return build_client_metadata(url, self._urls.callback(server.id), self._urls.home)

    def _exchange(self, actor: Actor, server: MCPServer, code: str, flow: Flow) -> TokenResponse:
        try:
            redirect_uri = self._urls.callback(server.id)
            return self._provider.exchange(server, code, flow.code_verifier, redirect_uri)
        except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
            if isinstance(exc, TokenExchangeError) or actor.may(Permission.MCP_SERVER_READ):
                raise
            # Its text names the endpoint's host, which members may not know.
            raise TokenExchangeError("The authorization server did not answer") from exc

    def _with_valid_client(self, actor: Actor, server: MCPServer) -> MCPServer:
        """The server with a client that can authenticate: an expired one is replaced."""
        if not server.oauth2.has_expired(self._clock()):
            return server
        try:
            return self._servers.replace_client(actor, server)
        except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
            if actor.may(Permission.MCP_SERVER_READ):
                raise
            raise CannotConnectError("MCP server OAuth2 client has expired.") from exc

    def _connectable(self, actor: Actor, server_id: str) -> MCPServer:
        server = self._servers.require_visible(actor, server_id)
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
            server = self._servers.require_for_anybody(connection.server_id)
        except ServerNotFoundError:
            return Disconnected(revoked=False)
        if connection.grant_generation != server.grant_generation:
            return Disconnected(revoked=False)
        try:
            access_token = self._tokens.open_access_token(connection)
            refresh_token = self._tokens.open_refresh_token(connection)
            return Disconnected(self._provider.revoke(server, access_token, refresh_token))
        except CiboriumError:
            problem = "The provider did not confirm. Revoke Ciborium's access there to be sure."
            return Disconnected(revoked=False, problem=problem)
