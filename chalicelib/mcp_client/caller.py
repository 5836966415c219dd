"""Using servers in their users' names: credentials, remembered lists, renewed tokens."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from chalicelib.egress import Deadline
from chalicelib.errors import CiboriumError
from chalicelib.identity.models import Actor
from chalicelib.mcp_client.catalog import ToolCatalog
from chalicelib.mcp_client.client import MCPClient, ToolCheck
from chalicelib.mcp_client.credentials import Access, Credentials
from chalicelib.mcp_client.errors import MCPAuthorizationError
from chalicelib.mcp_client.identity_headers import Origin
from chalicelib.mcp_client.models import ToolCall, ToolListing, ToolResult
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.access import AccessTokens
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.reauthorization import Reauthorizer
from chalicelib.sdk.mcp_servers import AuthType

T = TypeVar("T")


class ServerCaller:
    """Uses servers as their users may; authorises nobody itself. Lives as long as the container.

    Everything that can go wrong is told in full, as only admins may hear it.
    """

    def __init__(
        self,
        tokens: AccessTokens,
        credentials: Credentials,
        reauthorizer: Reauthorizer,
        client: MCPClient,
        catalog: ToolCatalog,
    ) -> None:
        self._tokens = tokens
        self._credentials = credentials
        self._reauthorizer = reauthorizer
        self._client = client
        self._catalog = catalog

    def find_connections(
        self, actor: Actor, servers: Sequence[MCPServer]
    ) -> Mapping[str, Connection | None]:
        """As `AccessTokens.find_connections`."""
        return self._tokens.find_connections(actor, servers)

    def list_tools(
        self, actor: Actor, server: MCPServer, connection: Connection | None, *, refresh: bool
    ) -> ToolListing:
        """A server's tools; a list that is still fresh is used again, unless `refresh` is set.

        Raises:
            as `use`, and `MCPClient.list_tools`.
        """

        def use(access: Access) -> ToolListing:
            known = None if refresh else self._catalog.find(access.catalog_key)
            if known is not None:
                return known
            listing = self._client.list_tools(access.target)
            self._catalog.put(access.catalog_key, listing)
            return listing

        return self.use(actor, server, connection, "tools/list", use)

    def call_tool(
        self,
        actor: Actor,
        server: MCPServer,
        connection: Connection | None,
        call: ToolCall,
        check: ToolCheck | None,
        origin: Origin,
    ) -> ToolResult:
        """Call a tool, which `check` may still refuse once its description is known.

        Everything together has the call's seconds: refreshing the token, listing, and the call.

        Raises:
            as `use`, and `MCPClient.call_tool`.
        """
        deadline = Deadline(call.seconds)

        def use(access: Access) -> ToolResult:
            known = self._catalog.find(access.catalog_key)
            result, listing = self._client.call_tool(
                access.target_from(origin), call, known, check, deadline
            )
            if listing is not None:
                self._catalog.put(access.catalog_key, listing)
            return result

        return self.use(actor, server, connection, f"tools/call {call.name}", use)

    def use(
        self,
        actor: Actor,
        server: MCPServer,
        connection: Connection | None,
        operation: str,
        use: Callable[[Access], T],
    ) -> T:
        """Once, and once more with a renewed token if the server refuses the first.

        Raises:
            ConnectRequiredError: the actor must connect first, or again.
            AccessRefusedError, AuthorizationServerChangedError: connecting again does not help.
            MCPAuthorizationError: the server refuses what an admin entered.
        """
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
