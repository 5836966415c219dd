"""MCP servers, connections to them, their tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.bootstrap.parts import part
from chalicelib.bootstrap.people import People

if TYPE_CHECKING:
    from chalicelib.mcp_client.caller import ServerCaller
    from chalicelib.mcp_client.client import MCPClient
    from chalicelib.mcp_client.diagnosis import DiagnosisService
    from chalicelib.mcp_client.service import ToolService
    from chalicelib.mcp_servers.access_lists import AccessListService
    from chalicelib.mcp_servers.icons import IconService
    from chalicelib.mcp_servers.repository import MCPServerRepository
    from chalicelib.mcp_servers.selection import ServerSelection
    from chalicelib.mcp_servers.service import MCPServerService
    from chalicelib.oauth2.own_urls import OwnURLs
    from chalicelib.oauth2.provider import Provider
    from chalicelib.oauth2.provisioning import OAuth2Provisioner
    from chalicelib.oauth2.reauthorization import Reauthorizer
    from chalicelib.oauth2.registry import ConnectionRegistry
    from chalicelib.oauth2.repository import ConnectionRepository
    from chalicelib.oauth2.service import ConnectionService
    from chalicelib.oauth2.tokens import TokenSealer
    from chalicelib.oauth2.user_headers import UserHeaderService
    from chalicelib.tool_approvals.registry import ToolApprovalRegistry
    from chalicelib.tool_approvals.repository import ToolApprovalRepository
    from chalicelib.tool_approvals.service import ToolApprovalService


class Registry(People):
    """Servers, connections, tools."""

    @part
    def oauth2_urls(self) -> OwnURLs:
        """Our own URLs that others must know."""
        from chalicelib.oauth2.own_urls import OwnURLs

        return OwnURLs(self.public_url, self._settings.client_metadata_url)

    @part
    def _server_repository(self) -> MCPServerRepository:
        from chalicelib.mcp_servers.repository import MCPServerRepository

        return MCPServerRepository(self._database, self._audit)

    @part
    def _connection_repository(self) -> ConnectionRepository:
        from chalicelib.oauth2.repository import ConnectionRepository

        return ConnectionRepository(
            self._database, self._audit, self._server_repository, self._identity_repository
        )

    @part
    def _connection_registry(self) -> ConnectionRegistry:
        from chalicelib.oauth2.registry import ConnectionRegistry

        return ConnectionRegistry(self._connection_repository, self._clock)

    @part
    def _approval_repository(self) -> ToolApprovalRepository:
        from chalicelib.tool_approvals.repository import ToolApprovalRepository

        return ToolApprovalRepository(self._database, self._audit, self._server_repository)

    @part
    def _approvals(self) -> ToolApprovalRegistry:
        from chalicelib.tool_approvals.registry import ToolApprovalRegistry

        return ToolApprovalRegistry(self._approval_repository)

    @part
    def _selection(self) -> ServerSelection:
        from chalicelib.mcp_servers.selection import ServerSelection

        return ServerSelection(self._server_repository)

    @part
    def mcp_servers(self) -> MCPServerService:
        """The servers that admins manage."""
        from chalicelib.mcp_servers.clients import ServerClients
        from chalicelib.mcp_servers.drafts import ServerDrafts
        from chalicelib.mcp_servers.service import MCPServerService

        drafts = ServerDrafts(self._vault, self._clock)
        clients = ServerClients(
            self._server_repository,
            drafts,
            lambda: self._provisioner,
            self._connection_registry,
            self.oauth2_urls.callback,
            self._clock,
        )
        return MCPServerService(
            repository=self._server_repository,
            drafts=drafts,
            clients=clients,
            connections=self._connection_registry,
            organizations=self.organizations,
            approvals=self._approvals,
            check_url=self._egress.check_url,
            clock=self._clock,
        )

    @part
    def _provisioner(self) -> OAuth2Provisioner:
        from chalicelib.oauth2.provisioning import OAuth2Provisioner

        return OAuth2Provisioner(self._egress, self.oauth2_urls.client_metadata)

    @part
    def icons(self) -> IconService:
        """Servers' icons."""
        from chalicelib.mcp_servers.icons import IconService

        return IconService(self._server_repository, self.mcp_servers, self._clock)

    @part
    def access_lists(self) -> AccessListService:
        """Who may see and use a server."""
        from chalicelib.mcp_servers.access_lists import AccessListService

        return AccessListService(
            self._server_repository,
            self.mcp_servers,
            self.organizations,
            self.groups,
            self.identity,
            self._clock,
        )

    @part
    def _token_sealer(self) -> TokenSealer:
        from chalicelib.oauth2.tokens import TokenSealer

        return TokenSealer(self._vault, self._clock)

    @part
    def _provider(self) -> Provider:
        from chalicelib.oauth2.provider import Provider

        return Provider(self._egress, self._token_sealer)

    @part
    def _reauthorizer(self) -> Reauthorizer:
        from chalicelib.oauth2.reauthorization import Reauthorizer
        from chalicelib.oauth2.repository import RefusalsRepository

        return Reauthorizer(
            self._connection_repository,
            RefusalsRepository(self._database),
            self.mcp_servers,
            self._egress,
            self.oauth2_urls,
            self._clock,
        )

    @part
    def connections(self) -> ConnectionService:
        """People's connections to servers."""
        from chalicelib.oauth2.service import ConnectionService

        return ConnectionService(
            repository=self._connection_repository,
            servers=self.mcp_servers,
            organizations=self.organizations,
            vault=self._vault,
            provider=self._provider,
            reauthorizer=self._reauthorizer,
            urls=self.oauth2_urls,
            clock=self._clock,
        )

    @part
    def user_headers(self) -> UserHeaderService:
        """People's own header values."""
        from chalicelib.oauth2.user_headers import UserHeaderService

        return UserHeaderService(
            self._connection_repository,
            self.mcp_servers,
            self.organizations,
            self._vault,
            self._clock,
        )

    @part
    def _client(self) -> MCPClient:
        from chalicelib.mcp_client.client import MCPClient

        return MCPClient(self._egress, self._pause)

    @part
    def _caller(self) -> ServerCaller:
        from chalicelib.mcp_client.caller import ServerCaller
        from chalicelib.mcp_client.catalog import ToolCatalog
        from chalicelib.mcp_client.credentials import Credentials
        from chalicelib.oauth2.access import AccessTokens
        from chalicelib.oauth2.refreshing import TokenRefresher

        repository, sealer = self._connection_repository, self._token_sealer
        refresher = TokenRefresher(repository, sealer, self._provider, self._clock, self._pause)
        tokens = AccessTokens(
            repository, sealer, refresher, self._reauthorizer, self.oauth2_urls, self._clock
        )
        credentials = Credentials(
            tokens,
            self._vault,
            self._sign_in_tokens or self._login_tokens,
            self.public_url.url("/login"),
        )
        catalog = ToolCatalog(self._clock)
        return ServerCaller(tokens, credentials, self._reauthorizer, self._client, catalog)

    @part
    def tools(self) -> ToolService:
        """Servers' tools, as people have them."""
        from chalicelib.mcp_client.service import ToolService

        return ToolService(self.mcp_servers, self._caller, self._approvals, self._listing_patience)

    @part
    def tool_approvals(self) -> ToolApprovalService:
        """What admins have approved of them."""
        from chalicelib.tool_approvals.service import ToolApprovalService

        return ToolApprovalService(
            self._approval_repository, self.mcp_servers, self._caller, self._clock
        )

    @part
    def diagnosis(self) -> DiagnosisService:
        """How far a connection to a server comes."""
        from chalicelib.mcp_client.diagnosis import DiagnosisService

        return DiagnosisService(
            self.mcp_servers, self._caller, self._approvals, self._client, self._egress
        )
