"""The tools of MCP servers."""

from collections.abc import Sequence

from ..mcp_tools import AllTools, CallToolReply, MCPServerDiagnosis, MCPServerTools, ToolApprovals
from ..requests.mcp_tools import ApproveToolsRequest, CallToolRequest
from .base import Methods
from .mcp_servers import server_path


class MCPToolMethods(Methods):
    """The caller's tools at MCP servers."""

    def list_mcp_server_tools(self, server_id: str, *, refresh: bool = False) -> MCPServerTools:
        """The caller's tools at a server, each allowed or not.

        Raises:
            ConnectRequiredError: the caller must connect first.
        """
        return self._connection.get(MCPServerTools, _tools(server_id), {"refresh": refresh or None})

    def list_all_tools(self, server_ids: Sequence[str] = ()) -> AllTools:
        """The tools of many servers at once: of those named, or of all enabled ones."""
        query = {"server_ids": ",".join(server_ids) or None}
        return self._connection.get(AllTools, "/api/experimental/mcp/tools", query)

    def diagnose_mcp_server(self, server_id: str) -> MCPServerDiagnosis:
        """Test the connection to a server, step by step; for owners."""
        return self._connection.get(MCPServerDiagnosis, _tools(server_id), {"diagnose": True})

    def get_tool_approvals(self, server_id: str) -> ToolApprovals:
        """What a server's tools have become since they were approved; for owners."""
        return self._connection.get(ToolApprovals, f"{_tools(server_id)}/approvals")

    def approve_tools(self, server_id: str, request: ApproveToolsRequest) -> ToolApprovals:
        """Approve tools, each as it was seen, or all; for owners.

        Raises:
            ConflictError: one of them is another by now, and nothing was approved.
        """
        return self._connection.post(ToolApprovals, f"{_tools(server_id)}/approvals", request)

    def call_tool(self, server_id: str, request: CallToolRequest) -> CallToolReply:
        """Call a tool. It is never called again by itself: that might do something twice.

        Raises:
            ConnectRequiredError: the caller must connect first.
            ToolApprovalRequiredError: show the user the arguments, then repeat it with `approved`.
        """
        return self._connection.post(CallToolReply, f"{_tools(server_id)}/call", request)


def _tools(server_id: str) -> str:
    return f"{server_path(server_id)}/tools"
