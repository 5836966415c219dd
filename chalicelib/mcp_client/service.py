"""The tools that servers offer to one user, through that user's own connections."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from chalicelib.errors import CiboriumError, InvalidInputError, UpstreamError, UpstreamTimeoutError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.logs import describe_exception, get_logger
from chalicelib.mcp_client.caller import ServerCaller
from chalicelib.mcp_client.client import ToolCheck
from chalicelib.mcp_client.errors import (
    ListingFailedError,
    ListingTimeoutError,
    ServerDisabledError,
    ToolsUnavailableError,
    TooManyServersError,
)
from chalicelib.mcp_client.governing import GovernedTool, check_rule, check_unchanged, govern_all
from chalicelib.mcp_client.identity_headers import NOWHERE, Origin
from chalicelib.mcp_client.models import ToolCall, ToolResult
from chalicelib.mcp_client.ports import ApprovedTools
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.metrics import Metric, carried, counted
from chalicelib.oauth2.models import Connection
from chalicelib.sdk.mcp_servers import ToolChanges

MOST_SERVERS = 64
"""That one request lists at once, each in a thread of its own."""

# Of the 29 that API Gateway waits. A server's ten seconds are for its list alone: renewing a token
# before it, or asking again after a refusal, may take as long each.
PATIENCE_SECONDS = 24.0


@dataclass(frozen=True, slots=True)
class ServerTools:
    """One server's tools, or why they are not known."""

    server: MCPServer
    tools: Sequence[GovernedTool] = ()
    error: CiboriumError | None = None


class ToolService:
    """Lists and calls tools on users' behalf; lives as long as the container.

    Args:
        servers: which servers there are, and for whom.
        access: uses them.
        approved: what admins have approved.
        patience: for how many seconds a listing of many servers waits for the slowest.
    """

    def __init__(
        self,
        servers: MCPServerService,
        access: ServerCaller,
        approved: ApprovedTools,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._servers = servers
        self._access = access
        self._approved = approved
        self._patience = patience

    def list_tools(
        self, actor: Actor, server_id: str, *, refresh: bool = False
    ) -> list[GovernedTool]:
        """A server's tools, by name, as the actor's connection shows them.

        Args:
            actor: who asks.
            server_id: of which server.
            refresh: whether to ask the server even if what it said before is still fresh.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            ConnectRequiredError: the actor must connect first, or again.
            AccessRefusedError, AuthorizationServerChangedError: connecting again does not help.
            ToolsUnavailableError: the server did not play its part; a member learns no more.
            EgressRefusedError, EgressConnectionError, EgressResponseError, EgressTimeoutError,
            MCPAuthorizationError, MCPServerError, MCPProtocolError: the same, for an admin.
        """
        server = self._servers.require_visible(actor, server_id)
        connection = self._access.find_connections(actor, [server])[server.id]
        return self._list(actor, server, connection, refresh=refresh)

    def list_all(self, actor: Actor, server_ids: Sequence[str] | None) -> list[ServerTools]:
        """The tools of several enabled servers, all asked at once.

        A server that fails, or hangs, costs nothing but its own tools.

        Args:
            actor: who asks.
            server_ids: of which servers; None: all that the actor may see.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            TooManyServersError: these are too many for one request.
        """
        servers = self._servers.list_usable(actor, server_ids)
        if len(servers) > MOST_SERVERS:
            raise TooManyServersError(MOST_SERVERS)
        return self.list_of(actor, servers, self._patience)

    def list_of(
        self, actor: Actor, servers: Sequence[MCPServer], patience: float
    ) -> list[ServerTools]:
        """The tools of servers that the actor may use, as somebody has seen already.

        Args:
            actor: who asks.
            servers: of which servers; no more than a thread each is reasonable for.
            patience: for how many seconds to wait for the slowest.
        """
        connections = self._access.find_connections(actor, servers)

        def list_one(server: MCPServer) -> ServerTools:
            try:
                return ServerTools(server, self._list(actor, server, connections[server.id]))
            except CiboriumError as exc:
                return ServerTools(server, error=exc)
            except Exception as exc:  # noqa: BLE001 -- the other servers' tools are worth having
                fields = {"server_id": server.id, **describe_exception(exc)}
                get_logger().error("Could not list a server's tools.", extra={"fields": fields})
                return ServerTools(server, error=ListingFailedError())

        threads = ThreadPoolExecutor(max_workers=max(len(servers), 1))
        asked = {server.id: threads.submit(carried(list_one), server) for server in servers}
        wait(asked.values(), timeout=patience)
        threads.shutdown(wait=False)  # Whoever is late is left behind; its own budgets end it.
        late = ListingTimeoutError()
        return [
            asked[server.id].result()
            if asked[server.id].done()
            else ServerTools(server, error=late)
            for server in servers
        ]

    def call_tool(
        self, actor: Actor, server_id: str, call: ToolCall, origin: Origin = NOWHERE
    ) -> ToolResult:
        """Call a tool with the actor's own connection; `origin` says for which chat.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            ServerDisabledError, ToolNotAllowedError: it, or the tool, may not be used.
            ToolApprovalRequiredError: the call must be approved first.
            ToolWithheldError: the tool is not the one that an admin approved.
            ToolNotFoundError: the server offers no such tool.
            ConnectRequiredError, AccessRefusedError, AuthorizationServerChangedError,
            ToolsUnavailableError, and an admin's errors: as `list_tools`.
        """
        server = self._servers.require_visible(actor, server_id)
        if not server.enabled:
            raise ServerDisabledError
        check_rule(server, call)
        check = self._find_check(server)
        connection = self._access.find_connections(actor, [server])[server.id]
        with _discretion(actor, server), counted(Metric.TOOL_CALLS, Metric.TOOL_CALL_FAILURES):
            return self._access.call_tool(actor, server, connection, call, check, origin)

    def _list(
        self,
        actor: Actor,
        server: MCPServer,
        connection: Connection | None,
        *,
        refresh: bool = False,
    ) -> list[GovernedTool]:
        with _discretion(actor, server):
            listing = self._access.list_tools(actor, server, connection, refresh=refresh)
        return govern_all(server, self._approved.find_hashes(server), listing)

    def _find_check(self, server: MCPServer) -> ToolCheck | None:
        """What a tool must pass before it is called, if anything but its name is looked at."""
        if server.tool_changes is not ToolChanges.WITHHOLD:
            return None
        approved = self._approved.find_hashes(server)
        return None if approved is None else partial(check_unchanged, approved)


@contextmanager
def _discretion(actor: Actor, server: MCPServer) -> Iterator[None]:
    """Members do not learn from errors where a server is; the log says what became of it."""
    try:
        yield
    except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
        fields = {"server_id": server.id, "code": exc.code}
        get_logger().warning("A server could not be used.", extra={"fields": fields})
        if actor.may(Permission.MCP_SERVER_READ):
            raise
        raise ToolsUnavailableError from exc
