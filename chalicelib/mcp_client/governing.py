"""What an admin's decisions make of the tools that a server offers; pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.mcp_client.errors import (
    ToolApprovalRequiredError,
    ToolNotAllowedError,
    ToolWithheldError,
)
from chalicelib.mcp_client.models import Tool, ToolCall, ToolListing
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.sdk.mcp_servers import ToolChanges, ToolRule
from chalicelib.sdk.mcp_tools import RefusalReason, ToolChange


@dataclass(frozen=True, slots=True)
class GovernedTool:
    """A tool, and what the admin says about it.

    Attributes:
        tool: as its server describes it.
        rule: what the lists and rules come to.
        change: what has happened to it since the server's tools were approved.
        withheld: whether it may not be used because of that.
    """

    tool: Tool
    rule: ToolRule
    change: ToolChange | None
    withheld: bool

    @property
    def reason(self) -> RefusalReason | None:
        """Why the tool may not be used; None if it may."""
        if self.rule is ToolRule.DENY:
            return RefusalReason.DENIED
        if self.withheld and self.change:
            return RefusalReason(self.change.value)
        return None


def govern(server: MCPServer, approved: Mapping[str, str] | None, tool: Tool) -> GovernedTool:
    """A tool under the admin's rules and approvals."""
    change = find_change(approved, tool)
    withheld = change is not None and server.tool_changes is ToolChanges.WITHHOLD
    return GovernedTool(tool, server.rule_of(tool.name), change, withheld)


def govern_all(
    server: MCPServer, approved: Mapping[str, str] | None, listing: ToolListing
) -> list[GovernedTool]:
    """The tools of a listing, by name."""
    tools = sorted(listing.tools, key=lambda each: each.name)
    return [govern(server, approved, tool) for tool in tools]


def find_change(approved: Mapping[str, str] | None, tool: Tool) -> ToolChange | None:
    """What has happened to a tool since the approval; before the first one, nothing counts."""
    if approved is None or approved.get(tool.name) == tool.hash:
        return None
    return ToolChange.CHANGED if tool.name in approved else ToolChange.NEW


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


def check_unchanged(approved: Mapping[str, str], tool: Tool) -> None:
    """Insist that a tool is the one that was approved.

    Raises:
        ToolWithheldError: it is new, or has changed.
    """
    change = find_change(approved, tool)
    if change is not None:
        raise ToolWithheldError(tool.name, change)
