"""The registry of MCP servers: who may change what, and what a change entails."""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action, NewEvent, ObjectType, diff
from chalicelib.errors import Validation
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.access import ServerAccess
from chalicelib.mcp_servers.auditing import describe_server
from chalicelib.mcp_servers.clients import ServerClients
from chalicelib.mcp_servers.drafts import ServerDrafts
from chalicelib.mcp_servers.errors import (
    InvalidServerError,
    NotOAuth2Error,
    ServerNotFoundError,
    SlugTakenError,
    VersionConflictError,
)
from chalicelib.mcp_servers.models import LONGEST_CREATE, MCPServer
from chalicelib.mcp_servers.ports import Connections, ToolApprovals
from chalicelib.mcp_servers.reading import ServerReading, ServerView
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.rules import (
    check_complete,
    check_secrets_stay,
    check_user_headers,
    clear_other_auth,
    has_moved,
)
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock
from chalicelib.sdk.mcp_servers import AuthType
from chalicelib.storage import StorageUnavailableError

if TYPE_CHECKING:
    from chalicelib.sdk.requests.mcp_servers import (
        CreateMCPServerConfigRequest,
        UpdateMCPServerConfigRequest,
    )


class MCPServerService(ServerReading):
    """Manages MCP servers; lives as long as the container.

    Args:
        repository: where servers are stored.
        drafts: builds them from requests, and seals their secrets.
        clients: gets them their OAuth2 clients.
        connections: the users' connections, which a change may void.
        organizations: which organisations there are, and who is in them.
        approvals: of tools, which end with their server.
        check_url: refuses a URL that outbound requests may not go to.
        clock: the time.
    """

    def __init__(
        self,
        repository: MCPServerRepository,
        drafts: ServerDrafts,
        clients: ServerClients,
        connections: Connections,
        organizations: OrganizationService,
        approvals: ToolApprovals,
        check_url: Callable[[str], None],
        clock: Clock,
    ) -> None:
        super().__init__(repository, connections, ServerAccess(organizations))
        self._drafts = drafts
        self._clients = clients
        self._organizations = organizations
        self._approvals = approvals
        self._check_url = check_url
        self._clock = clock

    def create(self, actor: Actor, request: "CreateMCPServerConfigRequest") -> ServerView:
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
        self._check_organizations(server.organization_ids)
        if server.auth_type is AuthType.OAUTH2 and server.oauth2.needs_discovery:
            server = self._add_with_discovery(actor, server)
        else:
            event = _created(actor, server)
            self._claim_slug(server.slug, lambda: self._repository.add(server, event))
        return ServerView(server, auth_connected=False, redacted=False)

    def update(
        self,
        actor: Actor,
        server_id: str,
        request: "UpdateMCPServerConfigRequest",
        versions: Container[int] | None = None,
    ) -> ServerView:
        """Change a server; what belongs to another `auth_type` than the resulting one goes.

        When the server moves, every user's connection is void with the same write. A request that
        changes nothing makes no version and no event; a secret entered again is always a change.

        Args:
            actor: who changes it.
            server_id: which one.
            request: the changes.
            versions: those that the actor means to change; None: whichever there is.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            InvalidServerError: the fields would not fit together.
            SlugTakenError: another server has the slug.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        before = self.require_allowed(actor, server_id, Permission.MCP_SERVER_WRITE)
        _require_version(before, versions)
        after = clear_other_auth(self._drafts.merge(before, request))
        if after == before:
            return self._view(actor, before)
        self._check_change(before, after, request)
        return self._view(actor, self._replace(actor, before, after))

    def delete(self, actor: Actor, server_id: str, versions: Container[int] | None = None) -> None:
        """Remove a server and every connection to it.

        It is hidden first, so an interruption leaves nothing visible, and a repeated call finishes,
        whatever `versions` say: hiding has made another version.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        if not actor.may(Permission.MCP_SERVER_WRITE):
            self.require_allowed(actor, server_id, Permission.MCP_SERVER_WRITE)
        server = self._find(server_id)
        if server is None:
            raise ServerNotFoundError
        if not server.deleting:
            _require_version(server, versions)
            was = diff(describe_server(server), {})
            event = actor.did(Action.DELETE, ObjectType.MCP_SERVER, server.id, was)
            server = self._repository.hide(server, event)
        self._connections.remove_all(server.id)
        if server.tool_approvals:
            self._approvals.remove_all(server.id)
        self._clients.abandon(server)
        self._repository.remove(server)

    def rediscover(
        self, actor: Actor, server_id: str, versions: Container[int] | None = None
    ) -> ServerView:
        """Run a server's discovery and registration again; `versions` as for `update`.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            NotOAuth2Error: it has another `auth_type`.
            DiscoveryError, RegistrationError: a step failed, and which; nothing has changed.
            InvalidServerError: a client secret that an admin entered would go to another host.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        before = self.require_allowed(actor, server_id, Permission.MCP_SERVER_WRITE)
        _require_version(before, versions)
        if before.auth_type is not AuthType.OAUTH2:
            raise NotOAuth2Error
        return self._view(actor, self._clients.rediscover(actor, before))

    def replace_client(self, actor: Actor, server: MCPServer) -> MCPServer:
        """For the other services: as `ServerClients.replace`.

        Raises:
            DiscoveryError, RegistrationError: there is no way to get one; nothing has changed.
            ServerNotFoundError: the server was deleted meanwhile.
        """
        return self._clients.replace(actor, server)

    def _check_change(
        self, before: MCPServer, after: MCPServer, request: "UpdateMCPServerConfigRequest"
    ) -> None:
        check_complete(after, discovery_possible=False)
        self._check_user_headers(after)
        check_secrets_stay(before, after, request)
        self._check_urls(after)
        known = set(before.organization_ids)
        self._check_organizations([each for each in after.organization_ids if each not in known])

    def _replace(self, actor: Actor, before: MCPServer, after: MCPServer) -> MCPServer:
        """Store a changed server, and end what it leaves behind: connections, a registration."""
        moved = has_moved(before, after)
        after = replace(
            after,
            updated_by=actor.user_id,
            updated_at=self._clock(),
            version=before.version + 1,
            grant_generation=before.grant_generation + (1 if moved else 0),
        )
        changes = diff(describe_server(before), describe_server(after))
        event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, after.id, changes)
        self._repository.replace(before, after, event)
        if moved:
            self._connections.remove_all(after.id)
        if before.oauth2.registration_uri != after.oauth2.registration_uri:
            self._clients.abandon(before)
        return after

    def _claim_slug(self, slug: str, add: Callable[[], None]) -> None:
        """Add a server, in place of what a create has left that was killed during discovery.

        Raises:
            SlugTakenError: another server has the slug; perhaps for a moment only.
        """
        try:
            add()
        except SlugTakenError:
            server_id = self._repository.find_id_by_slug(slug)
            server = None if server_id is None else self._repository.find(server_id)
            if server is None or not server.is_reserved:
                raise
            if not server.is_abandoned(self._clock()):
                seconds = int(LONGEST_CREATE.total_seconds())
                raise SlugTakenError(slug, retry_after=seconds) from None
            self._repository.remove(server)
            add()

    def _check_organizations(self, organization_ids: Sequence[str]) -> None:
        missing = self._organizations.find_missing(organization_ids)
        if missing:
            raise InvalidServerError(
                "There is no such organization.",
                [Validation("organization_ids", f"{id_} does not exist") for id_ in missing],
            )

    def _check_user_headers(self, server: MCPServer) -> None:
        if server.user_header_names:
            check_user_headers(server, self._drafts.custom_header_names(server))

    def _check_urls(self, server: MCPServer) -> None:
        client = server.oauth2
        for url in (server.url, client.token_url, client.revocation_url, client.issuer):
            if url:
                self._check_url(url)
        if server.oauth2.auth_url:
            self._clients.check_authorization_url(server.oauth2.auth_url)

    def _add_with_discovery(self, actor: Actor, server: MCPServer) -> MCPServer:
        """Store the row, which fixes the redirect URI, then complete it; remove it on failure.

        Only the completion is an event: before it there is no server that anybody could use.
        """
        incomplete = replace(server, enabled=False)
        try:
            self._claim_slug(server.slug, lambda: self._repository.reserve(incomplete))
            complete = self._clients.complete(server)
        except Exception:
            self._give_up(incomplete)
            raise
        try:
            self._repository.replace(incomplete, complete, _created(actor, complete))
        except StorageUnavailableError:
            # Perhaps it is complete by now, and has this client.
            if self._give_up(incomplete):
                self._clients.abandon(complete)
            raise
        except Exception:
            self._give_up(incomplete)
            self._clients.abandon(complete)
            raise
        return complete

    def _give_up(self, incomplete: MCPServer) -> bool:
        """Remove a row that was only reserved; False if it is complete, or nobody knows.

        A row that stays for that reason is in nobody's way for longer than `is_abandoned` says.
        """
        try:
            self._repository.remove(incomplete)
        except (VersionConflictError, StorageUnavailableError):
            return False  # It was never there, or is complete, or an admin has changed it.
        return True


def _require_version(server: MCPServer, versions: Container[int] | None) -> None:
    if versions is not None and server.version not in versions:
        raise VersionConflictError


def _created(actor: Actor, server: MCPServer) -> NewEvent:
    made = diff({}, describe_server(server))
    return actor.did(Action.CREATE, ObjectType.MCP_SERVER, server.id, made)
