"""Admins look at what a server's tools have become, and accept it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_client.caller import ServerCaller
from chalicelib.mcp_client.models import Tool, ToolListing
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.primitives import Clock
from chalicelib.tool_approvals.auditing import describe_approvals
from chalicelib.tool_approvals.errors import ToolsChangedError
from chalicelib.tool_approvals.models import Approval, Approvals, ToolComparison, compare_all
from chalicelib.tool_approvals.repository import StoredApprovals, ToolApprovalRepository


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """All tools of a server, and whether any were ever approved: if not, nothing is withheld."""

    has_baseline: bool
    tools: Sequence[ToolComparison]


class ToolApprovalService:
    """Compares and accepts the tools that an admin's own connection shows."""

    def __init__(
        self,
        repository: ToolApprovalRepository,
        servers: MCPServerService,
        access: ServerCaller,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._access = access
        self._clock = clock

    def get(self, actor: Actor, server_id: str) -> ApprovalState:
        """What the server offers now, compared with what was approved.

        Raises:
            NotAllowedError: the actor may not.
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            ApprovalsBusyError: the approvals are being written.
            as `ToolService.list_tools`, for an admin.
        """
        actor.require(Permission.MCP_SERVER_READ)
        server, listing = self._list(actor, server_id)
        stored = self._load(server)
        approvals = stored.approvals if stored else {}
        return ApprovalState(stored is not None, compare_all(approvals, listing.tools))

    def accept(
        self, actor: Actor, server_id: str, hashes: Mapping[str, str] | None
    ) -> ApprovalState:
        """Approve tools, and say how things stand then.

        Args:
            actor: who answers for it.
            server_id: whose tools.
            hashes: of the tools to accept, as the actor saw them, by name; None: all that the
                server offers now, and no others: approvals of tools that are gone end.

        Raises:
            ToolsChangedError: a tool is not what the actor saw; nothing was accepted.
            ApprovalsTooLargeError: the tools do not fit into what is kept.
            VersionConflictError: somebody has changed the server or its approvals meanwhile.
            as `get`.
        """
        actor.require(Permission.MCP_SERVER_WRITE)
        server, listing = self._list(actor, server_id)
        stored = self._load(server)
        before = stored.approvals if stored else {}
        kept: Approvals = {} if hashes is None else before
        tools = listing.tools if hashes is None else _select(listing, hashes)
        after = {**kept, **{tool.name: self._approve(actor, before, tool) for tool in tools}}
        if stored is None or after != before:
            changes = diff(describe_approvals(before), describe_approvals(after))
            event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, server.id, changes)
            self._repository.replace(server, stored, after, event)
        return ApprovalState(has_baseline=True, tools=compare_all(after, listing.tools))

    def _approve(self, actor: Actor, before: Approvals, tool: Tool) -> Approval:
        """An approval; an earlier one of the very same tool stands."""
        known = before.get(tool.name)
        if known is not None and known.tool.hash == tool.hash:
            return known
        return Approval(tool=tool, approved_by=actor.user_id, approved_at=self._clock())

    def _list(self, actor: Actor, server_id: str) -> tuple[MCPServer, ToolListing]:
        """Asks the server, whatever it said before."""
        server = self._servers.require_visible(actor, server_id)
        connection = self._access.find_connections(actor, [server])[server.id]
        return server, self._access.list_tools(actor, server, connection, refresh=True)

    def _load(self, server: MCPServer) -> StoredApprovals | None:
        return self._repository.load(server.id) if server.tool_approvals else None


def _select(listing: ToolListing, hashes: Mapping[str, str]) -> list[Tool]:
    offered = {tool.name: tool for tool in listing.tools}
    others = [
        name for name, seen in hashes.items() if name not in offered or offered[name].hash != seen
    ]
    if others:
        raise ToolsChangedError(others)
    return [offered[name] for name in hashes]
