"""What admins have approved, compared with what a server offers now; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.mcp_client.governing import find_change
from chalicelib.mcp_client.models import Tool
from chalicelib.sdk.mcp_tools import ToolState
from chalicelib.tool_approvals.differences import Difference, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A tool as an admin has accepted it; kept whole, so that a difference can be shown."""

    tool: Tool
    approved_by: str
    approved_at: datetime


Approvals = Mapping[str, Approval]
"""By the tool's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolComparison:
    """One tool, as approved and as offered now.

    Attributes:
        name: the tool's.
        state: what has become of it.
        offered: as the server describes it now; None if it is gone.
        approval: the last one; None for a tool that is new.
        difference: what is told otherwise than before; of a new tool, everything.
    """

    name: str
    state: ToolState
    offered: Tool | None = None
    approval: Approval | None = None
    difference: Difference = field(default_factory=Difference)


def compare_all(approvals: Approvals, offered: Sequence[Tool]) -> list[ToolComparison]:
    """All tools of a server, by name."""
    hashes = {name: each.tool.hash for name, each in approvals.items()}
    tools = {tool.name: tool for tool in offered}
    room = Difference.MOST_LINES_OF_ALL
    found = []
    for name in sorted({*tools, *approvals}):
        tool, approval = tools.get(name), approvals.get(name)
        if tool is None:
            found.append(ToolComparison(name=name, state=ToolState.GONE, approval=approval))
            continue
        change = find_change(hashes, tool)
        difference = Difference()
        if change is not None:
            difference = compare(approval.tool if approval else None, tool, room)
            room -= difference.size
        found.append(
            ToolComparison(
                name=name,
                state=ToolState(change.value) if change else ToolState.APPROVED,
                offered=tool,
                approval=approval,
                difference=difference,
            )
        )
    return found
