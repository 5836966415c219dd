"""The tools of MCP servers."""

from collections.abc import Sequence

from ..mcp_tools import AllTools, CallToolReply, CallToolRequest, MCPServerTools
from .base import Methods
from .mcp_servers import server_path


class MCPToolMethods(Methods):
    """The caller's tools at MCP servers."""

    def list_mcp_server_tools(self, server_id: str, *, refresh: bool = False) -> MCPServerTools:
        """The caller's tools at a server, each allowed or not.

        Raises:
            ConnectRequiredError: the caller must connect first.
        """
        return self._connection.get(
            MCPServerTools, f"{server_path(server_id)}/tools", {"refresh": refresh or None}
        )

    def list_all_tools(self, server_ids: Sequence[str] = ()) -> AllTools:
        """The tools of many servers at once: of those named, or of all enabled ones."""
        query = {"server_ids": ",".join(server_ids) or None}
        return self._connection.get(AllTools, "/api/experimental/mcp/tools", query)

    def call_tool(self, server_id: str, request: CallToolRequest) -> CallToolReply:
        """Call a tool. It is never called again by itself: that might do something twice.

        Raises:
            ConnectRequiredError: the caller must connect first.
        """
        return self._connection.post(CallToolReply, f"{server_path(server_id)}/tools/call", request)
