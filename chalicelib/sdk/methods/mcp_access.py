"""Who may see and use an MCP server."""

from ..mcp_access import MCPServerACL
from ..requests.mcp_access import UpdateMCPServerACLRequest
from .base import Methods
from .mcp_servers import server_path


class MCPAccessMethods(Methods):
    """Access lists of MCP servers; for owners."""

    def get_mcp_server_acl(self, server_id: str) -> MCPServerACL:
        """The users and groups on a server's list."""
        return self._connection.get(MCPServerACL, f"{server_path(server_id)}/acl")

    def update_mcp_server_acl(self, server_id: str, request: UpdateMCPServerACLRequest) -> None:
        """Put users and groups on the list, or take them off; who is not named stays."""
        self._connection.send("PATCH", f"{server_path(server_id)}/acl", body=request)

    def list_mcp_server_acl_candidates(
        self,
        server_id: str,
        *,
        search: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> MCPServerACL:
        """A page of the members and groups that could be on the list."""
        query = {"q": search, "limit": limit, "offset": offset}
        return self._connection.get(MCPServerACL, f"{server_path(server_id)}/acl/available", query)
