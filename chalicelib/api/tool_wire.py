"""From the models of servers' tools to wire types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api.errors import build_error_body
from chalicelib.sdk import mcp_tools

if TYPE_CHECKING:
    from chalicelib.mcp_client.diagnosis import Diagnosis, StepResult
    from chalicelib.mcp_client.governing import GovernedTool
    from chalicelib.mcp_client.models import ToolResult
    from chalicelib.mcp_client.service import ServerTools
    from chalicelib.tool_approvals.models import ToolComparison
    from chalicelib.tool_approvals.service import ApprovalState


def to_tool(governed: GovernedTool) -> mcp_tools.MCPServerTool:
    """A tool, and what the admin says about it."""
    tool = governed.tool
    return mcp_tools.MCPServerTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=tool.annotations,
        allowed=governed.reason is None,
        rule=governed.rule,
        change=governed.change,
        reason=governed.reason,
    )


def to_server_tools(found: ServerTools, request_id: str) -> mcp_tools.ServerToolsEntry:
    """One server's tools, or its error."""
    return mcp_tools.ServerToolsEntry(
        server_id=found.server.id,
        slug=found.server.slug,
        tools=[to_tool(tool) for tool in found.tools],
        error=None if found.error is None else build_error_body(found.error, request_id),
    )


def to_diagnosis(diagnosis: Diagnosis) -> mcp_tools.MCPServerDiagnosis:
    """The connection to a server, step by step."""
    tools = diagnosis.tools
    return mcp_tools.MCPServerDiagnosis(
        ok=all(step.ok for step in diagnosis.steps),
        steps=[_to_step(step) for step in diagnosis.steps],
        protocol_version=diagnosis.trace.protocol_version or None,
        era=diagnosis.trace.era or None,
        tools=None if tools is None else [to_tool(tool) for tool in tools],
    )


def _to_step(result: StepResult) -> mcp_tools.DiagnosisStep:
    error = result.error
    return mcp_tools.DiagnosisStep(
        step=result.step,
        ok=result.ok,
        skipped=result.skipped or None,
        duration_ms=round(result.seconds * 1000, 1),
        detail=result.detail,
        code=error.code if error else None,
        connect_url=error.extra().get("connect_url") if error else None,
    )


def to_approvals(state: ApprovalState) -> mcp_tools.ToolApprovals:
    """A server's tools, as approved and as offered."""
    return mcp_tools.ToolApprovals(
        baseline=state.has_baseline, tools=[_to_approval(each) for each in state.tools]
    )


def _to_approval(compared: ToolComparison) -> mcp_tools.ToolApproval:
    offered, approval, difference = compared.offered, compared.approval, compared.difference
    parts = {name: list(lines) for name, lines in difference.parts.items()}
    return mcp_tools.ToolApproval(
        name=compared.name,
        state=compared.state,
        hash=offered.hash if offered else None,
        approved_hash=approval.tool.hash if approval else None,
        approved_by=approval.approved_by if approval else None,
        approved_at=approval.approved_at if approval else None,
        difference=parts or None,
        difference_truncated=difference.truncated or None,
    )


def to_tool_reply(result: ToolResult) -> mcp_tools.CallToolReply:
    """What a tool answered, or asks."""
    if not result.is_complete:
        return mcp_tools.CallToolReply(
            result_type="input_required",
            input_requests=result.input_requests,
            request_state=result.request_state,
        )
    return mcp_tools.CallToolReply(
        result_type="complete",
        content=list(result.content),
        structured_content=result.structured_content,
        is_error=result.is_error,
    )
