"""What can go wrong when an admin approves tools."""

from collections.abc import Sequence

from chalicelib.errors import ConflictError, InvalidInputError, UnavailableError, Validation


class ToolsChangedError(ConflictError):
    """The server does not offer now what the admin means to accept."""

    code = "mcp_tools_changed"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "The MCP server now describes tools otherwise than you saw, or offers them no longer. "
            "Nothing was accepted; look at the difference again.",
            validations=[Validation(f"tools.{name}", "is not what is offered") for name in names],
        )


class ApprovalsTooLargeError(InvalidInputError):
    """The descriptions do not fit into what is kept of one server."""

    code = "tool_approvals_too_large"

    def __init__(self) -> None:
        super().__init__("The tools' descriptions are too long to be kept. Approve fewer tools.")


class ApprovalsBusyError(UnavailableError):
    """Somebody is writing the approvals just now."""

    code = "tool_approvals_busy"

    def __init__(self) -> None:
        super().__init__("The approvals of this MCP server are being changed; try again.")
