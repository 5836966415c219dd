"""Which servers an actor sees and may use, and how much of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.access import ServerAccess
from chalicelib.mcp_servers.errors import InvalidServerIDError, ServerNotFoundError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.ports import Connections
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.rules import redact
from chalicelib.mcp_servers.visibility import Access, Visibility
from chalicelib.primitives import parse_id


@dataclass(frozen=True, slots=True)
class ServerView:
    """A server as one actor may see it; a redacted one has lost its private fields."""

    server: MCPServer
    auth_connected: bool
    redacted: bool


class ServerReading:
    """What of `MCPServerService` changes nothing.

    Args:
        repository: where servers are stored.
        connections: the users' connections.
        access: what servers are to an actor.
    """

    def __init__(
        self, repository: MCPServerRepository, connections: Connections, access: ServerAccess
    ) -> None:
        self._repository = repository
        self._connections = connections
        self._access = access

    def list_visible(self, actor: Actor) -> list[ServerView]:
        """The servers that the actor may see, by display name."""
        servers, access = self._list_visible(actor)
        servers.sort(key=lambda each: (each.display_name.casefold(), each.id))
        connected = self._connections.connected_ids(actor.user_id, servers)
        return [_view(server, access[server.id], server.id in connected) for server in servers]

    def get(self, actor: Actor, server_id: str) -> ServerView:
        """One server that the actor may see.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none, or the actor may not know.
        """
        server = self._require(server_id)
        access = self._access.of(actor, server)
        if access.visibility is Visibility.NONE:
            raise ServerNotFoundError
        return self._view(actor, server, access)

    def require_visible(self, actor: Actor, server_id: str) -> MCPServer:
        """A server for the other services, whole, if the actor may see that it exists.

        Whoever administers the registry may see a disabled one, too.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none, or the actor may not know.
        """
        server = self._require(server_id)
        if self._access.of(actor, server).visibility is Visibility.NONE:
            raise ServerNotFoundError
        return server

    def require_allowed(self, actor: Actor, server_id: str, permission: Permission) -> MCPServer:
        """A server on which the actor may make use of a permission.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none, or the actor may not know.
            NotAllowedError: the actor sees it, and may not.
        """
        server = self.require_visible(actor, server_id)
        actor.require(permission)
        return server

    def require_for_anybody(self, server_id: str) -> MCPServer:
        """A server for the other services, whole, whoever asks.

        Only for what is anybody's: the metadata of its client, and the end of one's own connection.

        Raises:
            InvalidServerIDError: the id is not a UUID.
            ServerNotFoundError: there is none.
        """
        return self._require(server_id)

    def list_usable(self, actor: Actor, server_ids: Sequence[str] | None) -> list[MCPServer]:
        """Servers that the actor may use, whole, in the order asked for; None: all, by slug.

        Raises:
            InvalidServerIDError: an id is not a UUID.
            ServerNotFoundError: there is none with that id, or the actor may not use it.
        """
        servers, access = self._list_visible(actor)
        usable = {each.id: each for each in servers if access[each.id].may_use}
        if server_ids is None:
            return sorted(usable.values(), key=lambda each: each.slug)
        ids = [parse_id(server_id) for server_id in dict.fromkeys(server_ids)]
        if None in ids:
            raise InvalidServerIDError
        if not usable.keys() >= set(ids):
            raise ServerNotFoundError
        return [usable[id_] for id_ in dict.fromkeys(ids) if id_]

    def _find(self, server_id: str) -> MCPServer | None:
        parsed = parse_id(server_id)
        if parsed is None:
            raise InvalidServerIDError
        return self._repository.find(parsed)

    def _require(self, server_id: str) -> MCPServer:
        server = self._find(server_id)
        if server is None or server.deleting:
            raise ServerNotFoundError
        return server

    def _list_visible(self, actor: Actor) -> tuple[list[MCPServer], Mapping[str, Access]]:
        servers = self._repository.list_all()
        access = self._access.of_each(actor, servers)
        seen = [each for each in servers if access[each.id].visibility is not Visibility.NONE]
        return seen, access

    def _view(self, actor: Actor, server: MCPServer, access: Access | None = None) -> ServerView:
        connected = self._connections.connected_ids(actor.user_id, [server])
        return _view(server, access or self._access.of(actor, server), server.id in connected)


def _view(server: MCPServer, access: Access, connected: bool) -> ServerView:
    if access.visibility is Visibility.FULL:
        return ServerView(server, connected, redacted=False)
    return ServerView(redact(server, access.organization_ids), connected, redacted=True)
