"""The tools of MCP servers, and calls of them. The paths and types are ours."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from .base import KnownID, Reply
from .errors import ErrorBody
from .mcp_servers import ToolRule


class Elicitation(StrEnum):
    """What becomes of a server's questions to the user during a call (MCP, elicitation).

    `none` tells the server that nobody will answer. `accept_defaults` answers at once with the
    defaults of the server's form, and declines a form that needs more. `ask` hands the questions to
    the caller as `input_requests`, which only revision 2026-07-28 makes possible.
    """

    NONE = "none"
    ACCEPT_DEFAULTS = "accept_defaults"
    ASK = "ask"


class ToolState(StrEnum):
    """A tool as it is offered now, compared with what an admin approved."""

    APPROVED = "approved"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


class ToolChange(StrEnum):
    """What has happened to a tool since an admin approved the tools of its server."""

    CHANGED = "changed"
    NEW = "new"


class RefusalReason(StrEnum):
    """Why a tool may not be used: an admin denies it, or has not accepted what it has become."""

    DENIED = "denied"
    CHANGED = "changed"
    NEW = "new"


class MCPServerTool(Reply):
    """A tool that a server offers to the caller, and what the admin says about it.

    `rule` is what the lists and rules come to; a tool that asks first counts as `allowed`. `reason`
    says why one is not. `change` is told whether or not the tool is withheld for it.
    """

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any]
    allowed: bool
    rule: ToolRule
    change: ToolChange | None = None
    reason: RefusalReason | None = None


class MCPServerTools(Reply):
    """The tools of one server, as seen through the caller's own connection."""

    tools: list[MCPServerTool]


class ServerToolsEntry(Reply):
    """One server of a listing of many: its tools, or the error that stands for them."""

    server_id: KnownID
    slug: str
    tools: list[MCPServerTool]
    error: ErrorBody | None = None


class AllTools(Reply):
    """The tools of many servers; a failing one costs only its own."""

    servers: list[ServerToolsEntry]


class Step(StrEnum):
    """What testing the connection to a server does, in this order."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    AUTH = "auth"
    INITIALIZE = "initialize"
    LIST = "list"


class DiagnosisStep(Reply):
    """What became of one step; `skipped` if it was not needed (`ok`), or not come to (not `ok`)."""

    step: Step
    ok: bool
    skipped: bool | None = None
    duration_ms: float
    detail: str
    code: str | None = None
    connect_url: str | None = None


class MCPServerDiagnosis(Reply):
    """The connection to a server, step by step; `tools` if they could be listed."""

    ok: bool
    steps: list[DiagnosisStep]
    protocol_version: str | None = None
    era: str | None = None
    tools: list[MCPServerTool] | None = None


class ToolApproval(Reply):
    """One tool, as approved and as offered now.

    `hash` is of what is offered, `approved_hash` of what was approved. `difference` has the lines
    of a unified diff for each of `title`, `description`, `input_schema` and `annotations` that
    differs; of a new tool, all of them. `difference_truncated` warns that some are not there.
    """

    name: str
    state: ToolState
    hash: str | None = None
    approved_hash: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    difference: dict[str, list[str]] | None = None
    difference_truncated: bool | None = None


class ToolApprovals(Reply):
    """The tools of one server; before the first approval (`baseline`), none is flagged."""

    baseline: bool
    tools: list[ToolApproval]


class CallToolReply(Reply):
    """What a tool answered, or what it wants to know before it does.

    `content`, `structured_content` and the requests are as the server sent them. A tool that failed
    is an answer as well: `is_error` is true then. `request_state` must come back unchanged.
    """

    result_type: Literal["complete", "input_required"]
    content: list[dict[str, Any]] | None = None
    structured_content: Any = None
    is_error: bool | None = None
    input_requests: dict[str, Any] | None = None
    request_state: str | None = None
