"""What an admin's decisions make of the tools that a server offers."""

from dataclasses import dataclass

from chalicelib.mcp_client.errors import ToolApprovalRequiredError, ToolNotAllowedError
from chalicelib.mcp_client.models import Tool, ToolCall
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.sdk.mcp_servers import ToolRule
from chalicelib.sdk.mcp_tools import RefusalReason


@dataclass(frozen=True, slots=True)
class GovernedTool:
    """A tool, and what the admin says about it."""

    tool: Tool
    rule: ToolRule

    @property
    def reason(self) -> RefusalReason | None:
        """Why the tool may not be used; None if it may."""
        return RefusalReason.DENIED if self.rule is ToolRule.DENY else None


def govern(server: MCPServer, tool: Tool) -> GovernedTool:
    """A tool under the admin's rules."""
    return GovernedTool(tool, server.rule_of(tool.name))


def check_rule(server: MCPServer, call: ToolCall) -> None:
    """Insist that the admin's rules let a call through.

    Raises:
        ToolNotAllowedError: the tool is denied.
        ToolApprovalRequiredError: the tool wants an approval that the call does not have.
    """
    rule = server.rule_of(call.name)
    if rule is ToolRule.DENY:
        raise ToolNotAllowedError(call.name)
    if rule is ToolRule.ASK and not call.approved:
        raise ToolApprovalRequiredError(call.name)
