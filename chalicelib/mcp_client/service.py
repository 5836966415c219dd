"""The tools that a server offers to one user, through that user's own connection."""

import json
from dataclasses import dataclass

from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import SERVER_API_KEY, SERVER_CUSTOM_HEADERS
from chalicelib.errors import CiboriumError, InvalidInputError, UpstreamError, UpstreamTimeoutError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_client.client import MCPClient
from chalicelib.mcp_client.errors import (
    MCPAuthorizationError,
    ToolsUnavailableError,
    UnsupportedTransportError,
)
from chalicelib.mcp_client.models import Tool
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.access import AccessTokens
from chalicelib.oauth2.reauthorization import Reauthorizer
from chalicelib.sdk.mcp_servers import AuthType, Transport


@dataclass(frozen=True, slots=True)
class GovernedTool:
    """A tool, and whether the admin's lists let it be used."""

    tool: Tool
    allowed: bool


class ToolService:
    """Lists tools on users' behalf; lives as long as the container."""

    def __init__(
        self,
        servers: MCPServerService,
        access: AccessTokens,
        reauthorizer: Reauthorizer,
        vault: Vault,
        client: MCPClient,
    ) -> None:
        self._servers = servers
        self._access = access
        self._reauthorizer = reauthorizer
        self._vault = vault
        self._client = client

    def list_tools(self, actor: Actor, server_id: str) -> list[GovernedTool]:
        """A server's tools, by name, as the actor's connection shows them.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            ConnectRequiredError: the actor must connect first, or again.
            UnsupportedTransportError: the server's transport is not spoken.
            ToolsUnavailableError: the server did not play its part; a member learns no more.
            EgressRefusedError, EgressConnectionError, EgressResponseError, EgressTimeoutError,
            MCPAuthorizationError, MCPServerError, MCPProtocolError: the same, for an admin.
        """
        server = self._servers.require_visible(actor, server_id)
        if server.transport is not Transport.STREAMABLE_HTTP:
            raise UnsupportedTransportError(server.transport)
        try:
            tools = self._ask(actor, server)
        except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
            if actor.may(Permission.MCP_SERVER_READ):
                raise
            raise ToolsUnavailableError from exc
        return [
            GovernedTool(tool, server.allows_tool(tool.name))
            for tool in sorted(tools, key=lambda each: each.name)
        ]

    def _ask(self, actor: Actor, server: MCPServer) -> tuple[Tool, ...]:
        """List once; and once more with a renewed token if the server refuses the first."""
        headers = self._credentials(actor, server)
        try:
            return self._client.list_tools(server.url, headers)
        except MCPAuthorizationError as exc:
            if server.auth_type is not AuthType.OAUTH2:
                raise
            other = None
            if exc.status == 401:
                other = self._access.find_other_header(actor, server, headers["Authorization"])
            if other is None:
                raise self._judge(actor, server, exc) from exc
        headers["Authorization"] = other
        try:
            return self._client.list_tools(server.url, headers)
        except MCPAuthorizationError as exc:
            raise self._judge(actor, server, exc) from exc

    def _judge(
        self, actor: Actor, server: MCPServer, refusal: MCPAuthorizationError
    ) -> CiboriumError:
        return self._reauthorizer.judge(
            actor, server, "tools/list", refusal.status, refusal.www_authenticate
        )

    def _credentials(self, actor: Actor, server: MCPServer) -> dict[str, str]:
        """The headers that authorise the actor's requests (`coder-reference.md` 5.3)."""
        if server.auth_type is AuthType.OAUTH2:
            connection = self._access.find_connections(actor, [server])[server.id]
            return {"Authorization": self._access.header(connection, server)}
        if server.auth_type is AuthType.API_KEY:
            key = self._vault.open(server.api_key_value, Place(SERVER_API_KEY, server.id))
            return {server.api_key_header: key}
        if server.auth_type is AuthType.CUSTOM_HEADERS:
            plain = self._vault.open(server.custom_headers, Place(SERVER_CUSTOM_HEADERS, server.id))
            headers: dict[str, str] = json.loads(plain or "{}")
            return headers
        return {}
