from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from chalicelib.egress import Deadline, Egress
from chalicelib.mcp_client.calling import call_tool
from chalicelib.mcp_client.errors import MCPServerError, ToolNotFoundError
from chalicelib.mcp_client.listing import list_tools
from chalicelib.mcp_client.models import Tool, ToolCall, ToolListing, ToolResult
from chalicelib.mcp_client.outlet import Outlet
from chalicelib.mcp_client.session import Era, EraMemory, Session
from chalicelib.mcp_client.trace import Trace
from chalicelib.sdk.mcp_servers import Transport
from chalicelib.sdk.mcp_tools import Elicitation

ToolCheck = Callable[[Tool], None]
"""Raises if a tool, now that its description is known, may not be called after all."""

_LISTING_SECONDS = 10.0
# API Gateway waits 29 seconds; what comes before and after the call needs some of them.


@dataclass(frozen=True, slots=True)
class Target:
    """A server, as one user reaches it."""

    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    transport: Transport = Transport.STREAMABLE_HTTP


class MCPClient:
    """Speaks MCP in all protocol eras; lives as long as the container, and keeps nothing of a user.

    Args:
        egress: the way out.
        pause: waits for some seconds, before a broken stream is resumed.
    """

    def __init__(self, egress: Egress, pause: Callable[[float], object]) -> None:
        self._egress = egress
        self._pause = pause
        self._memory = EraMemory()

    def list_tools(self, target: Target, trace: Trace | None = None) -> ToolListing:
        """The tools that a server offers to a user, within ten seconds.

        Args:
            target: the server and the user.
            trace: notes what happens meanwhile.

        Raises:
            MCPAuthorizationError: the server wants other credentials.
            MCPServerError: the server answered with an error.
            MCPProtocolError: the server does not speak MCP as it should.
            EgressRefusedError, EgressConnectionError, EgressResponseError, EgressTimeoutError:
                there was no proper HTTP answer in time.
        """
        left = Deadline(_LISTING_SECONDS)
        with self._session(target, left, Elicitation.NONE, trace) as session:
            return list_tools(session)

    def call_tool(
        self,
        target: Target,
        call: ToolCall,
        known: ToolListing | None,
        check: ToolCheck | None = None,
        deadline: Deadline | None = None,
    ) -> tuple[ToolResult, ToolListing | None]:
        """Call a tool; the result, and the tools if they were listed for it.

        The call is sent on one wire only: where it is not known which, or the tool's annotations
        or its whole description are needed, the tools are listed first.

        Args:
            target: the server and the user.
            call: what to call.
            known: the server's tools, if they are still fresh.
            check: looks at the tool as it is listed, before anything is sent to it.
            deadline: when the time of everything is up; by default in 25 seconds.

        Raises:
            ToolNotFoundError: there is no such tool for the user.
            what `check` raises.
            MCPAuthorizationError, MCPServerError, MCPProtocolError, EgressError kinds:
                as `list_tools`.
        """
        left = deadline or Deadline(call.seconds)
        with self._session(target, left, call.elicitation) as session:
            listing = None
            session.settle()
            is_described = known is not None or (check is None and session.era is not Era.MODERN)
            if session.era is None or not is_described:
                listing = list_tools(session)
            try:
                return self._call(session, call, listing or known, check), listing
            except MCPServerError as exc:
                if not session.refused_beforehand(exc):
                    raise
            listing = list_tools(session)
            return self._call(session, call, listing, check), listing

    @staticmethod
    def _call(
        session: Session, call: ToolCall, listing: ToolListing | None, check: ToolCheck | None
    ) -> ToolResult:
        tool: Tool | None = None
        if listing is not None:
            tool = listing.find(call.name)
            if tool is None:
                raise ToolNotFoundError(call.name)
            if check is not None:
                check(tool)
        return call_tool(session, call, tool)

    @contextmanager
    def _session(
        self,
        target: Target,
        deadline: Deadline,
        elicitation: Elicitation,
        trace: Trace | None = None,
    ) -> Iterator[Session]:
        outlet = Outlet(self._egress, target.endpoint, target.headers, deadline, self._pause, trace)
        session = Session(outlet, self._memory, target.transport, elicitation)
        try:
            yield session
        finally:
            spoken = session.find_version()
            if trace is not None and spoken is not None:
                trace.era, trace.protocol_version = spoken[0].value, spoken[1]
            session.close()
