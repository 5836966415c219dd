"""The tools that servers offer to one user, through that user's own connections."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.errors import CiboriumError, InvalidInputError, UpstreamError, UpstreamTimeoutError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_client.catalog import ToolCatalog
from chalicelib.mcp_client.client import MCPClient
from chalicelib.mcp_client.credentials import Access, Credentials
from chalicelib.mcp_client.errors import (
    MCPAuthorizationError,
    ServerDisabledError,
    ToolNotAllowedError,
    ToolsUnavailableError,
    TooManyServersError,
)
from chalicelib.mcp_client.identity_headers import Origin
from chalicelib.mcp_client.models import Tool, ToolCall, ToolListing, ToolResult
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.access import AccessTokens
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.reauthorization import Reauthorizer
from chalicelib.sdk.mcp_servers import AuthType

MOST_SERVERS = 64
"""That one request lists at once, each in a thread of its own."""

_NOWHERE = Origin()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GovernedTool:
    """A tool, and whether the admin's lists let it be used."""

    tool: Tool
    allowed: bool


@dataclass(frozen=True, slots=True)
class ServerTools:
    """One server's tools, or why they are not known."""

    server: MCPServer
    tools: Sequence[GovernedTool] = ()
    error: CiboriumError | None = None


class ToolService:
    """Lists and calls tools on users' behalf; lives as long as the container."""

    def __init__(
        self,
        servers: MCPServerService,
        tokens: AccessTokens,
        credentials: Credentials,
        reauthorizer: Reauthorizer,
        client: MCPClient,
        catalog: ToolCatalog,
    ) -> None:
        self._servers = servers
        self._tokens = tokens
        self._credentials = credentials
        self._reauthorizer = reauthorizer
        self._client = client
        self._catalog = catalog

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
        connection = self._tokens.find_connections(actor, [server])[server.id]
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
        servers = self._servers.list_enabled(server_ids)
        if len(servers) > MOST_SERVERS:
            raise TooManyServersError(MOST_SERVERS)
        connections = self._tokens.find_connections(actor, servers)

        def list_one(server: MCPServer) -> ServerTools:
            try:
                return ServerTools(server, self._list(actor, server, connections[server.id]))
            except CiboriumError as exc:
                return ServerTools(server, error=exc)

        with ThreadPoolExecutor(max_workers=max(len(servers), 1)) as threads:
            return list(threads.map(list_one, servers))

    def call_tool(
        self, actor: Actor, server_id: str, call: ToolCall, origin: Origin = _NOWHERE
    ) -> ToolResult:
        """Call a tool with the actor's own connection; `origin` says for which chat.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            ServerDisabledError, ToolNotAllowedError: it, or the tool, may not be used.
            ToolNotFoundError: the server offers no such tool.
            ConnectRequiredError, AccessRefusedError, AuthorizationServerChangedError,
            ToolsUnavailableError, and an admin's errors: as `list_tools`.
        """
        server = self._servers.require_visible(actor, server_id)
        if not server.enabled:
            raise ServerDisabledError
        if not server.allows_tool(call.name):
            raise ToolNotAllowedError(call.name)
        connection = self._tokens.find_connections(actor, [server])[server.id]

        def use(access: Access) -> ToolResult:
            known = self._catalog.find(access.catalog_key)
            result, listing = self._client.call_tool(access.target_from(origin), call, known)
            if listing is not None:
                self._catalog.put(access.catalog_key, listing)
            return result

        return self._use(actor, server, connection, f"tools/call {call.name}", use)

    def _list(
        self,
        actor: Actor,
        server: MCPServer,
        connection: Connection | None,
        *,
        refresh: bool = False,
    ) -> list[GovernedTool]:
        def use(access: Access) -> ToolListing:
            known = None if refresh else self._catalog.find(access.catalog_key)
            if known is not None:
                return known
            listing = self._client.list_tools(access.target)
            self._catalog.put(access.catalog_key, listing)
            return listing

        listing = self._use(actor, server, connection, "tools/list", use)
        return [
            GovernedTool(tool, server.allows_tool(tool.name))
            for tool in sorted(listing.tools, key=lambda each: each.name)
        ]

    def _use(
        self,
        actor: Actor,
        server: MCPServer,
        connection: Connection | None,
        operation: str,
        use: Callable[[Access], T],
    ) -> T:
        """Use a server in the actor's name; members do not learn from errors where it is."""
        try:
            return self._use_renewing(actor, server, connection, operation, use)
        except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
            if actor.may(Permission.MCP_SERVER_READ):
                raise
            raise ToolsUnavailableError from exc

    def _use_renewing(
        self,
        actor: Actor,
        server: MCPServer,
        connection: Connection | None,
        operation: str,
        use: Callable[[Access], T],
    ) -> T:
        """Once, and once more with a renewed token if the server refuses the first."""
        access = self._credentials.open(actor, server, connection)
        try:
            return use(access)
        except MCPAuthorizationError as exc:
            if server.auth_type is not AuthType.OAUTH2:
                raise
            renewed = self._credentials.renew(actor, access) if exc.status == 401 else None
            if renewed is None:
                raise self._judge(actor, server, operation, exc) from exc
        try:
            return use(renewed)
        except MCPAuthorizationError as exc:
            raise self._judge(actor, server, operation, exc) from exc

    def _judge(
        self, actor: Actor, server: MCPServer, operation: str, refusal: MCPAuthorizationError
    ) -> CiboriumError:
        return self._reauthorizer.judge(
            actor, server, operation, refusal.status, refusal.www_authenticate
        )
