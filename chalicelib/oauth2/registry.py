"""Which connections are usable: what the registry of servers needs to know of them."""

from collections.abc import Sequence

from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.user_headers import has_all_user_headers
from chalicelib.primitives import Clock
from chalicelib.sdk.mcp_servers import AuthType


class ConnectionRegistry:
    """Answers for all of a user's connections; implements `mcp_servers.ports.Connections`."""

    def __init__(self, repository: ConnectionRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    def connected_ids(self, user_id: str, servers: Sequence[MCPServer]) -> frozenset[str]:
        """Those of the servers that the user can use now; at most one read, and no request."""
        ours = {server.id: server for server in servers if server.is_personal}
        connected = {server.id for server in servers} - ours.keys()
        for connection in self._load(user_id, ours):
            server = ours.get(connection.server_id)
            if server and self._is_complete(connection, server):
                connected.add(server.id)
        return frozenset(connected)

    def remove_all(self, server_id: str) -> None:
        """Remove every user's connection to a server; safe to repeat."""
        self._repository.remove_all(server_id)

    def _is_complete(self, connection: Connection, server: MCPServer) -> bool:
        if server.auth_type is AuthType.OAUTH2:
            return connection.is_usable(self._clock(), server.grant_generation)
        return has_all_user_headers(connection, server)

    def _load(self, user_id: str, servers: dict[str, MCPServer]) -> Sequence[Connection]:
        if len(servers) == 1:
            found = self._repository.find(user_id, next(iter(servers)))
            return [found] if found else []
        return self._repository.list_for_user(user_id) if servers else []
