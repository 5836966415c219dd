"""What can go wrong while speaking MCP. What the server wrote is never repeated."""

from chalicelib.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    UpstreamError,
    Validation,
)
from chalicelib.sdk.mcp_tools import ToolChange


class MCPServerError(UpstreamError):
    """The server answered with an error: its HTTP status, and the JSON-RPC code if it sent one.

    `supported` are the protocol versions that it named along with code -32022.
    """

    code = "mcp_server_error"

    def __init__(
        self, host: str, status: int, rpc_code: int | None = None, supported: tuple[str, ...] = ()
    ) -> None:
        told = f"HTTP status {status}" if rpc_code is None else f"JSON-RPC error {rpc_code}"
        super().__init__(f"The MCP server at {host} answered with {told}.")
        self.status = status
        self.rpc_code = rpc_code
        self.supported = supported


class MCPAuthorizationError(UpstreamError):
    """The server refused the caller's credentials, or asks for some: status 401 or 403.

    `www_authenticate` are its challenges as sent (RFC 9110, section 11.6.1).
    """

    code = "mcp_authorization_failed"

    def __init__(self, host: str, status: int, www_authenticate: tuple[str, ...]) -> None:
        super().__init__(
            f"The MCP server at {host} refused the credentials (HTTP status {status})."
        )
        self.status = status
        self.www_authenticate = www_authenticate


class MCPProtocolError(UpstreamError):
    """The server's answer is not MCP."""

    code = "mcp_protocol_error"

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"The MCP server at {host} {reason}.")


class NotAnEndpointError(MCPProtocolError):
    """What answers is a web server, but none that speaks MCP."""

    def __init__(self, host: str) -> None:
        reason = "did not answer with JSON or an event stream; is its URL an MCP endpoint?"
        super().__init__(host, reason)


class BrokenStreamError(MCPProtocolError):
    """The stream of server-sent events ended before the answer came."""

    def __init__(self, host: str) -> None:
        super().__init__(host, "ended its stream before it answered")


class ToolNotFoundError(NotFoundError):
    """The server offers the user no such tool."""

    code = "mcp_tool_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"The MCP server offers no tool named {name!r} to you.")


class ToolNotAllowedError(ForbiddenError):
    """The admin's lists and rules do not let the tool be used."""

    code = "mcp_tool_not_allowed"

    def __init__(self, name: str) -> None:
        super().__init__(f"An admin does not allow the tool {name!r} of this MCP server.")


class ToolApprovalRequiredError(ConflictError):
    """The admin wants each call of the tool to be approved by whom it is made for."""

    code = "tool_approval_required"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A call of the tool {name!r} must be approved: look at the arguments, then repeat it "
            "with approved: true."
        )
        self._name = name

    def extra(self) -> dict[str, str]:
        """Which tool."""
        return {"tool_name": self._name}


class ToolWithheldError(ForbiddenError):
    """The tool is not the one that an admin approved, and the server's setting withholds it."""

    code = "mcp_tool_withheld"

    def __init__(self, name: str, change: ToolChange) -> None:
        what = "is new" if change is ToolChange.NEW else "has changed"
        super().__init__(
            f"The tool {name!r} {what} since an admin approved the tools of this MCP server. It is "
            "withheld until an admin accepts it."
        )


class ServerDisabledError(InvalidInputError):
    """A disabled server's tools are listed for admins, and called for nobody."""

    code = "mcp_server_disabled"

    def __init__(self) -> None:
        super().__init__("MCP server is not enabled.")


class TooManyServersError(InvalidInputError):
    """More servers at once than one request can wait for."""

    code = "too_many_mcp_servers"

    def __init__(self, most: int) -> None:
        detail = f"must name at most {most} servers"
        super().__init__(
            f"At most {most} MCP servers can be listed at once. Name some in server_ids.",
            validations=[Validation("server_ids", detail)],
        )


class ListingTooLargeError(PayloadTooLargeError):
    """The tools of a server do not fit into an answer beside those of the others."""

    code = "mcp_tools_too_large"

    def __init__(self) -> None:
        super().__init__("There is no room for this server's tools here. List it by itself.")


class ToolsUnavailableError(UpstreamError):
    """What a member is told of any of the above: they may not know where the server is."""

    code = "mcp_tools_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The MCP server did not answer as it should. An admin who lists its tools sees why."
        )
