"""The registry of MCP servers: who may see and change what, and what a change entails."""

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chalicelib.encryption import Vault
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.clients import ServerClients
from chalicelib.mcp_servers.drafts import ServerDrafts
from chalicelib.mcp_servers.errors import (
    InvalidServerIDError,
    NotOAuth2Error,
    ServerNotFoundError,
    SlugTakenError,
    VersionConflictError,
)
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.ports import ClientProvisioner, Connections
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.rules import (
    check_complete,
    check_secrets_stay,
    check_user_headers,
    clear_other_auth,
    has_moved,
    redact,
    select_servers,
)
from chalicelib.primitives import Clock, parse_id
from chalicelib.sdk.mcp_servers import (
    AuthType,
    CreateMCPServerConfigRequest,
    UpdateMCPServerConfigRequest,
)


@dataclass(frozen=True, slots=True)
class ServerView:
    """A server as one actor may see it; a redacted one has lost its private fields."""

    server: MCPServer
    auth_connected: bool
    redacted: bool


class MCPServerService:
    """Manages MCP servers; lives as long as the container.

    Args:
        repository: where servers are stored.
        vault: seals their secrets.
        provisioner: discovers and registers OAuth2 clients.
        connections: the users' connections, which a change may void.
        check_url: refuses a URL that outbound requests may not go to.
        callback_url: gives the OAuth2 redirect URI of a server's id.
        clock: the time.
    """

    def __init__(
        self,
        repository: MCPServerRepository,
        vault: Vault,
        provisioner: ClientProvisioner,
        connections: Connections,
        check_url: Callable[[str], None],
        callback_url: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._drafts = ServerDrafts(vault, clock)
        self._provisioner = provisioner
        self._connections = connections
        self._check_url = check_url
        self._clients = ServerClients(
            repository, self._drafts, provisioner, connections, callback_url, clock
        )
        self._clock = clock

    def list_visible(self, actor: Actor) -> list[ServerView]:
        """The servers that the actor may see, by display name: members see enabled ones."""
        servers = sorted(
            self._repository.list_all(), key=lambda each: (each.display_name.casefold(), each.id)
        )
        if not actor.may(Permission.MCP_SERVER_READ):
            servers = [server for server in servers if server.enabled]
        connected = self._connections.connected_ids(actor.user_id, servers)
        return [self._view(actor, server, server.id in connected) for server in servers]

    def get(self, actor: Actor, server_id: str) -> ServerView:
        """One server that the actor may see.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none, or it is disabled and the actor is a member.
        """
        server = self.require_visible(actor, server_id)
        return self._view(actor, server, self._is_connected(actor, server))

    def require_visible(self, actor: Actor, server_id: str) -> MCPServer:
        """A server for the other services, whole, if the actor may see that it exists.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none, or it is disabled and the actor is a member.
        """
        server = self.require(server_id)
        if not server.enabled and not actor.may(Permission.MCP_SERVER_READ):
            raise ServerNotFoundError
        return server

    def require(self, server_id: str) -> MCPServer:
        """A server for the other services, whole; they decide what its state means.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none.
        """
        server = self._find(server_id)
        if server is None or server.deleting:
            raise ServerNotFoundError
        return server

    def list_enabled(self, server_ids: Sequence[str] | None) -> list[MCPServer]:
        """Enabled servers for the other services, whole, in the order asked for; None: all.

        Raises:
            InvalidServerIDError: an id is not a UUID.
            ServerNotFoundError: there is none with that id, or it is disabled.
        """
        enabled = {each.id: each for each in self._repository.list_all() if each.enabled}
        if server_ids is None:
            return sorted(enabled.values(), key=lambda each: each.slug)
        ids = [parse_id(server_id) for server_id in dict.fromkeys(server_ids)]
        if None in ids:
            raise InvalidServerIDError
        if not enabled.keys() >= set(ids):
            raise ServerNotFoundError
        return [enabled[id_] for id_ in dict.fromkeys(ids) if id_]

    def select_for_chat(self, requested: Sequence[str] | None) -> list[str]:
        """The ids of the servers that a new chat gets; None asks for the defaults.

        Raises:
            InvalidSelectionError: an id is unknown or disabled.
        """
        return select_servers(self._repository.list_all(), requested)

    def existing_ids(self) -> frozenset[str]:
        """The ids of all servers, so that chats can forget the deleted ones."""
        return frozenset(server.id for server in self._repository.list_all())

    def create(self, actor: Actor, request: CreateMCPServerConfigRequest) -> ServerView:
        """Add a server; one with OAuth2 and no client gets it by discovery and registration.

        Raises:
            NotAllowedError: the actor may not.
            InvalidServerError: the fields do not fit together.
            SlugTakenError: another server has the slug.
            DiscoveryError, RegistrationError: automatic configuration failed; nothing is left.
        """
        actor.require(Permission.MCP_SERVER_WRITE)
        server = self._drafts.build(actor.user_id, request)
        check_complete(server, discovery_possible=True)
        self._check_user_headers(server)
        self._check_urls(server)
        if server.auth_type is AuthType.OAUTH2 and server.oauth2.needs_discovery:
            server = self._add_with_discovery(server)
        else:
            self._repository.add(server)
        return ServerView(server, auth_connected=False, redacted=False)

    def update(
        self,
        actor: Actor,
        server_id: str,
        request: UpdateMCPServerConfigRequest,
        versions: Container[int] | None = None,
    ) -> ServerView:
        """Change a server; what belongs to another `auth_type` than the resulting one goes.

        When the server moves, every user's connection is void with the same write.

        Args:
            actor: who changes it.
            server_id: which one.
            request: the changes.
            versions: those that the actor means to change; None: whichever there is.

        Raises:
            NotAllowedError: the actor may not.
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            InvalidServerError: the fields would not fit together.
            SlugTakenError: another server has the slug.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        actor.require(Permission.MCP_SERVER_WRITE)
        before = self.require(server_id)
        _require_version(before, versions)
        after = clear_other_auth(self._drafts.merge(before, request))
        check_complete(after, discovery_possible=False)
        self._check_user_headers(after)
        check_secrets_stay(before, after, request)
        self._check_urls(after)
        moved = has_moved(before, after)
        after = replace(
            after,
            updated_by=actor.user_id,
            updated_at=self._clock(),
            version=before.version + 1,
            grant_generation=before.grant_generation + (1 if moved else 0),
        )
        self._repository.replace(before, after)
        if moved:
            self._connections.remove_all(after.id)
        if before.oauth2.registration_uri != after.oauth2.registration_uri:
            self._clients.abandon(before)
        return self._view(actor, after, self._is_connected(actor, after))

    def delete(self, actor: Actor, server_id: str, versions: Container[int] | None = None) -> None:
        """Remove a server and every connection to it.

        It is hidden first, so an interruption leaves nothing visible, and a repeated call finishes,
        whatever `versions` say: hiding has made another version.

        Raises:
            NotAllowedError: the actor may not.
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        actor.require(Permission.MCP_SERVER_WRITE)
        server = self._find(server_id)
        if server is None:
            raise ServerNotFoundError
        if not server.deleting:
            _require_version(server, versions)
            server = self._repository.hide(server)
        self._connections.remove_all(server.id)
        self._clients.abandon(server)
        self._repository.remove(server)

    def rediscover(
        self, actor: Actor, server_id: str, versions: Container[int] | None = None
    ) -> ServerView:
        """Run a server's discovery and registration again; `versions` as for `update`.

        Raises:
            NotAllowedError: the actor may not.
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            NotOAuth2Error: it has another `auth_type`.
            DiscoveryError, RegistrationError: a step failed, and which; nothing has changed.
            InvalidServerError: a client secret that an admin entered would go to another host.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        actor.require(Permission.MCP_SERVER_WRITE)
        before = self.require(server_id)
        _require_version(before, versions)
        if before.auth_type is not AuthType.OAUTH2:
            raise NotOAuth2Error
        after = self._clients.rediscover(actor.user_id, before)
        return self._view(actor, after, self._is_connected(actor, after))

    def replace_client(self, server: MCPServer) -> MCPServer:
        """For the other services: as `ServerClients.replace`.

        Raises:
            DiscoveryError, RegistrationError: there is no way to get one; nothing has changed.
            ServerNotFoundError: the server was deleted meanwhile.
        """
        return self._clients.replace(server)

    def _remove_abandoned(self, slug: str) -> bool:
        """Remove what a create left that was killed during discovery; whether there was one."""
        server_id = self._repository.find_id_by_slug(slug)
        server = None if server_id is None else self._repository.find(server_id)
        if server is None or not server.is_abandoned(self._clock()):
            return False
        self._repository.remove(server)
        return True

    def _find(self, server_id: str) -> MCPServer | None:
        parsed = parse_id(server_id)
        if parsed is None:
            raise InvalidServerIDError
        return self._repository.find(parsed)

    def _view(self, actor: Actor, server: MCPServer, connected: bool) -> ServerView:
        if actor.may(Permission.MCP_SERVER_READ):
            return ServerView(server, connected, redacted=False)
        return ServerView(redact(server), connected, redacted=True)

    def _is_connected(self, actor: Actor, server: MCPServer) -> bool:
        return server.id in self._connections.connected_ids(actor.user_id, [server])

    def _check_user_headers(self, server: MCPServer) -> None:
        if server.user_header_names:
            check_user_headers(server, self._drafts.custom_header_names(server))

    def _check_urls(self, server: MCPServer) -> None:
        client = server.oauth2
        for url in (server.url, client.token_url, client.revocation_url, client.issuer):
            if url:
                self._check_url(url)
        if server.oauth2.auth_url:
            self._provisioner.check_authorization_url(server.oauth2.auth_url)

    def _add_with_discovery(self, server: MCPServer) -> MCPServer:
        """Store the row, which fixes the redirect URI, then complete it; remove it on failure."""
        incomplete = replace(server, enabled=False)
        try:
            self._repository.add(incomplete)
        except SlugTakenError:
            if not self._remove_abandoned(server.slug):
                raise
            self._repository.add(incomplete)
        try:
            complete = self._clients.complete(server)
            try:
                self._repository.replace(incomplete, complete)
            except Exception:
                self._clients.abandon(complete)
                raise
        except Exception:
            with suppress(VersionConflictError):  # An admin was quicker; it is theirs now.
                self._repository.remove(incomplete)
            raise
        return complete


def _require_version(server: MCPServer, versions: Container[int] | None) -> None:
    if versions is not None and server.version not in versions:
        raise VersionConflictError
