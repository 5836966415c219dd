"""MCP servers, and the caller's connections to them."""

from ..connection import segment
from ..mcp_servers import (
    CreateMCPServerConfigRequest,
    DisconnectReply,
    MCPServerConfig,
    UpdateMCPServerConfigRequest,
)
from .base import Methods

SERVERS = "/api/experimental/mcp/servers"


class MCPServerMethods(Methods):
    """MCP servers, given by their ids."""

    def list_mcp_servers(self) -> list[MCPServerConfig]:
        """The servers that the caller may see."""
        return self._connection.get_list(MCPServerConfig, SERVERS)

    def get_mcp_server(self, server_id: str) -> MCPServerConfig:
        """One server."""
        return self._connection.get(MCPServerConfig, server_path(server_id))

    def create_mcp_server(self, request: CreateMCPServerConfigRequest) -> MCPServerConfig:
        """Add a server; its OAuth2 settings are discovered where none are given."""
        return self._connection.create(MCPServerConfig, SERVERS, request)

    def update_mcp_server(
        self, server_id: str, request: UpdateMCPServerConfigRequest
    ) -> MCPServerConfig:
        """Change what the request sets."""
        return self._connection.change(MCPServerConfig, server_path(server_id), request)

    def delete_mcp_server(self, server_id: str) -> None:
        """Remove a server and everybody's connections to it."""
        self._connection.delete(server_path(server_id))

    def mcp_server_connect_url(self, server_id: str) -> str:
        """Where the caller's browser connects to a server; nothing is requested."""
        return self._connection.url(f"{server_path(server_id)}/oauth2/connect")

    def disconnect_mcp_server(self, server_id: str) -> DisconnectReply:
        """Forget the caller's tokens for a server, and have the provider revoke them."""
        answer = self._connection.delete(f"{server_path(server_id)}/oauth2/disconnect")
        if not answer.content:  # An earlier attempt did it, and its answer was lost.
            return DisconnectReply(token_revoked=False)
        return DisconnectReply.model_validate_json(answer.content)


def server_path(server_id: str) -> str:
    """Where a server is."""
    return f"{SERVERS}/{segment(server_id)}"
