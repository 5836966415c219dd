"""MCP servers, and the caller's connections to them."""

from ..connection import segment
from ..mcp_servers import DisconnectReply, MCPServerConfig, UserHeaders
from ..reading import read_json
from ..requests.mcp_servers import (
    CreateMCPServerConfigRequest,
    PutUserHeadersRequest,
    UpdateMCPServerConfigRequest,
)
from .base import Methods, if_match

SERVERS = "/api/experimental/mcp/servers"


class MCPServerMethods(Methods):
    """MCP servers, given by their ids."""

    def list_mcp_servers(self) -> list[MCPServerConfig]:
        """The servers that the caller may see."""
        return self._connection.get_list(MCPServerConfig, SERVERS)

    def get_mcp_server(self, server_id: str) -> MCPServerConfig:
        """One server."""
        return self._connection.get(MCPServerConfig, server_path(server_id))

    def create_mcp_server(self, request: CreateMCPServerConfigRequest) -> MCPServerConfig:
        """Add a server; its OAuth2 settings are discovered where none are given."""
        return self._connection.create(MCPServerConfig, SERVERS, request)

    def update_mcp_server(
        self, server_id: str, request: UpdateMCPServerConfigRequest, *, etag: str | None = None
    ) -> MCPServerConfig:
        """Change what the request sets; with `etag` only the version that was read.

        Raises:
            ConflictError: somebody has changed it since.
        """
        return self._connection.change(
            MCPServerConfig, server_path(server_id), request, headers=if_match(etag)
        )

    def delete_mcp_server(self, server_id: str, *, etag: str | None = None) -> None:
        """Remove a server and everybody's connections to it; `etag` as for a change."""
        self._connection.delete(server_path(server_id), headers=if_match(etag))

    def rediscover_mcp_server(self, server_id: str, *, etag: str | None = None) -> MCPServerConfig:
        """Discover the OAuth2 settings again and get a client there; `etag` as for a change."""
        path = f"{server_path(server_id)}/rediscover"
        return self._connection.post(MCPServerConfig, path, headers=if_match(etag))

    def get_mcp_server_icon(self, server_id: str) -> tuple[bytes, str]:
        """A server's uploaded icon, and its media type."""
        # API Gateway sends bytes only to those who name an image's type first.
        headers = {"Accept": "image/png, image/jpeg, image/gif, image/webp"}
        answer = self._connection.send("GET", f"{server_path(server_id)}/icon", headers=headers)
        return answer.content, answer.headers.get("Content-Type", "")

    def put_mcp_server_icon(self, server_id: str, content: bytes, content_type: str) -> None:
        """Upload a server's icon: PNG, JPEG, GIF or WebP, at most 32 KiB."""
        self._connection.put_bytes(f"{server_path(server_id)}/icon", content, content_type)

    def delete_mcp_server_icon(self, server_id: str) -> None:
        """Remove a server's uploaded icon."""
        self._connection.delete(f"{server_path(server_id)}/icon")

    def get_user_headers(self, server_id: str) -> UserHeaders:
        """Which headers each user fills in, and whether the caller has."""
        return self._connection.get(UserHeaders, f"{server_path(server_id)}/user-headers")

    def put_user_headers(self, server_id: str, request: PutUserHeadersRequest) -> UserHeaders:
        """Fill in the caller's own values; they replace all former ones."""
        path = f"{server_path(server_id)}/user-headers"
        return self._connection.change(UserHeaders, path, request, method="PUT")

    def delete_user_headers(self, server_id: str) -> None:
        """Forget the caller's own values."""
        self._connection.delete(f"{server_path(server_id)}/user-headers")

    def mcp_server_connect_url(self, server_id: str) -> str:
        """Where the caller's browser connects to a server; nothing is requested."""
        return self._connection.url(f"{server_path(server_id)}/oauth2/connect")

    def disconnect_mcp_server(self, server_id: str) -> DisconnectReply:
        """Forget the caller's tokens for a server, and have the provider revoke them."""
        answer = self._connection.delete(f"{server_path(server_id)}/oauth2/disconnect")
        if not answer.content:  # An earlier attempt did it, and its answer was lost.
            return DisconnectReply(token_revoked=False)
        return read_json(DisconnectReply, answer.content)


def server_path(server_id: str) -> str:
    """Where a server is."""
    return f"{SERVERS}/{segment(server_id)}"
