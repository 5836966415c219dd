"""The registry's side of OAuth2 clients: getting one for a server, and giving it back."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.errors import CiboriumError
from chalicelib.identity.models import Actor
from chalicelib.logs import get_logger
from chalicelib.mcp_servers.auditing import describe_server
from chalicelib.mcp_servers.drafts import ServerDrafts
from chalicelib.mcp_servers.errors import ServerNotFoundError, VersionConflictError
from chalicelib.mcp_servers.models import MCPServer, OAuth2Client, Registration
from chalicelib.mcp_servers.ports import ClientProvisioner, ClientRequest, Connections
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.rules import check_secrets_stay, has_moved
from chalicelib.primitives import Clock
from chalicelib.storage import StorageUnavailableError


class ServerClients:
    """Gets servers their OAuth2 clients; lives as long as the container."""

    def __init__(
        self,
        repository: MCPServerRepository,
        drafts: ServerDrafts,
        provisioner: Callable[[], ClientProvisioner],
        connections: Connections,
        callback_url: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._drafts = drafts
        self._provisioner = provisioner
        self._connections = connections
        self._callback_url = callback_url
        self._clock = clock

    def complete(self, server: MCPServer) -> MCPServer:
        """The server with a client at its authorization server; not stored yet.

        Raises:
            DiscoveryError, RegistrationError: there is no way to get one; they say why.
        """
        known = server.oauth2
        is_ours = known.registration is not Registration.MANUAL
        self._drafts.prepare()
        found = self._provisioner().provision(
            ClientRequest(
                server_id=server.id,
                server_url=server.url,
                redirect_uri=self._callback_url(server.id),
                issuer=known.issuer if known.issuer_is_pinned else "",
                client_id="" if is_ours else known.client_id,
                has_secret=bool(known.client_secret),
            )
        )
        return replace(
            server,
            oauth2=self._drafts.build_client(server, found),
            version=server.version + 1,
            updated_at=self._clock(),
        )

    def replace(self, actor: Actor, server: MCPServer) -> MCPServer:
        """Get another client where the server's metadata leads now; all connections are void.

        The event is the actor's whose request made it necessary, whatever their roles.

        Of requests that do so at once, one wins; the others get what it stored.

        Raises:
            DiscoveryError, RegistrationError: there is no way to get one; nothing has changed.
            ServerNotFoundError: the server was deleted meanwhile.
        """
        found = self.complete(server)
        client = self._count_move(server.oauth2, found.oauth2)
        generation = server.grant_generation + 1
        after = replace(found, oauth2=client, grant_generation=generation)
        changes = diff(describe_server(server), describe_server(after))
        event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, server.id, changes)
        try:
            self._repository.replace(server, after, event)
        except VersionConflictError:
            self.abandon(after)
            latest = self._repository.find(server.id)
            if latest is None or latest.deleting:
                raise ServerNotFoundError from None
            return latest
        fields = {"server_id": server.id, "from": server.oauth2.issuer, "to": after.oauth2.issuer}
        get_logger().warning("Got another OAuth2 client.", extra={"fields": fields})
        self._connections.remove_all(server.id)
        self.abandon(server)
        return after

    def rediscover(self, actor: Actor, server: MCPServer) -> MCPServer:
        """Run discovery and registration again, for an admin.

        A client that an admin entered stays, and so does an issuer that one pinned. Connections
        are void if they would lead elsewhere now.

        Raises:
            DiscoveryError, RegistrationError: a step failed, and which; nothing has changed.
            InvalidServerError: a client secret that an admin entered would go to another host.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        found = self.complete(server)
        if found.oauth2.registration is Registration.MANUAL:
            from chalicelib.sdk.requests.mcp_servers import UpdateMCPServerConfigRequest

            check_secrets_stay(server, found, UpdateMCPServerConfigRequest())
        moved = has_moved(server, found) or server.oauth2.issuer not in {"", found.oauth2.issuer}
        generation = server.grant_generation + (1 if moved else 0)
        after = replace(found, updated_by=actor.user_id, grant_generation=generation)
        is_new = server.oauth2.registration_uri != after.oauth2.registration_uri
        changes = diff(describe_server(server), describe_server(after))
        event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, server.id, changes)
        try:
            self._repository.replace(server, after, event)
        except StorageUnavailableError:
            raise  # It may be the server's client by now.
        except Exception:
            if is_new:
                self.abandon(after)
            raise
        if moved:
            self._connections.remove_all(after.id)
        if is_new:
            self.abandon(server)
        return after

    def _count_move(self, before: OAuth2Client, after: OAuth2Client) -> OAuth2Client:
        """The new client, with the memory of how often the server has moved."""
        now = self._clock()
        if before.issuer == after.issuer:
            return replace(after, moves=before.moves, moved_at=before.moved_at)
        return replace(after, moves=before.count_moves(now) + 1, moved_at=now)

    def check_authorization_url(self, url: str) -> None:
        """As `ClientProvisioner.check_authorization_url`."""
        self._provisioner().check_authorization_url(url)

    def abandon(self, server: MCPServer) -> None:
        """Delete the registration of a server's client, if it was ours to make; never fails."""
        uri = server.oauth2.registration_uri
        if uri:
            with suppress(CiboriumError):  # The key service may not answer.
                self._provisioner().abandon(uri, self._drafts.open_registration_token(server))
