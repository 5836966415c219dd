"""`ExperimentalClient`: MCP servers and chats, below `/api/experimental`; it may change."""

from collections.abc import Iterator, Sequence
from functools import partial

from .chats import Chat, ChatMessage, ChatMessages, CreateChatRequest
from .connection import Connection, segment
from .mcp_servers import (
    CreateMCPServerConfigRequest,
    DisconnectReply,
    MCPServerConfig,
    UpdateMCPServerConfigRequest,
)
from .mcp_tools import AllTools, CallToolReply, CallToolRequest, MCPServerTools
from .paging import PAGE_SIZE, iterate_pages

_SERVERS = "/api/experimental/mcp/servers"
_CHATS = "/api/experimental/chats"


class ExperimentalClient:
    """MCP servers, their tools, and chats. Got from `Client.experimental`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"ExperimentalClient({self._connection.base_url!r})"

    # MCP servers

    def list_mcp_servers(self) -> list[MCPServerConfig]:
        """The servers that the caller may see."""
        return self._connection.get_list(MCPServerConfig, _SERVERS)

    def get_mcp_server(self, server_id: str) -> MCPServerConfig:
        """One server."""
        return self._connection.get(MCPServerConfig, _server(server_id))

    def create_mcp_server(self, request: CreateMCPServerConfigRequest) -> MCPServerConfig:
        """Add a server; its OAuth2 settings are discovered where none are given."""
        return self._connection.create(MCPServerConfig, _SERVERS, request)

    def update_mcp_server(
        self, server_id: str, request: UpdateMCPServerConfigRequest
    ) -> MCPServerConfig:
        """Change what the request sets."""
        return self._connection.change(MCPServerConfig, _server(server_id), request)

    def delete_mcp_server(self, server_id: str) -> None:
        """Remove a server and everybody's connections to it."""
        self._connection.delete(_server(server_id))

    # The caller's connection to a server

    def mcp_server_connect_url(self, server_id: str) -> str:
        """Where the caller's browser connects to a server; nothing is requested."""
        return self._connection.url(f"{_server(server_id)}/oauth2/connect")

    def disconnect_mcp_server(self, server_id: str) -> DisconnectReply:
        """Forget the caller's tokens for a server, and have the provider revoke them."""
        answer = self._connection.delete(f"{_server(server_id)}/oauth2/disconnect")
        if not answer.content:  # An earlier attempt did it, and its answer was lost.
            return DisconnectReply(token_revoked=False)
        return DisconnectReply.model_validate_json(answer.content)

    # Tools

    def list_mcp_server_tools(self, server_id: str, *, refresh: bool = False) -> MCPServerTools:
        """The caller's tools at a server, each allowed or not.

        Raises:
            ConnectRequiredError: the caller must connect first.
        """
        return self._connection.get(
            MCPServerTools, f"{_server(server_id)}/tools", {"refresh": refresh or None}
        )

    def list_all_tools(self, server_ids: Sequence[str] = ()) -> AllTools:
        """The tools of many servers at once: of those named, or of all enabled ones."""
        query = {"server_ids": ",".join(server_ids) or None}
        return self._connection.get(AllTools, "/api/experimental/mcp/tools", query)

    def call_tool(self, server_id: str, request: CallToolRequest) -> CallToolReply:
        """Call a tool. It is never called again by itself: that might do something twice.

        Raises:
            ConnectRequiredError: the caller must connect first.
        """
        return self._connection.post(CallToolReply, f"{_server(server_id)}/tools/call", request)

    # Chats

    def create_chat(self, request: CreateChatRequest) -> Chat:
        """Start a chat with its first message."""
        return self._connection.create(Chat, _CHATS, request)

    def list_chats(self, *, limit: int | None = None, after_id: str | None = None) -> list[Chat]:
        """A page of the caller's chats, the latest changed first."""
        return self._connection.get_list(Chat, _CHATS, {"limit": limit, "after_id": after_id})

    def iter_chats(self, *, page_size: int = PAGE_SIZE) -> Iterator[Chat]:
        """All of the caller's chats, the latest changed first."""

        def get_page(cursor: str | None) -> tuple[list[Chat], str | None]:
            chats = self.list_chats(limit=page_size, after_id=cursor)
            return chats, chats[-1].id if len(chats) == page_size else None

        return iterate_pages(get_page)

    def get_chat(self, chat_id: str) -> Chat:
        """One of the caller's chats."""
        return self._connection.get(Chat, _chat(chat_id))

    def list_chat_messages(
        self,
        chat_id: str,
        *,
        limit: int | None = None,
        before_id: int | None = None,
        after_id: int | None = None,
    ) -> ChatMessages:
        """A page of a chat's messages: newest first, oldest first with only `after_id`."""
        query = {"limit": limit, "before_id": before_id, "after_id": after_id}
        return self._connection.get(ChatMessages, f"{_chat(chat_id)}/messages", query)

    def iter_chat_messages(
        self, chat_id: str, *, after_id: int = 0, page_size: int = PAGE_SIZE
    ) -> Iterator[ChatMessage]:
        """The messages of a chat after one of them, oldest first."""
        return iterate_pages(partial(self._page_of_messages, chat_id, after_id, page_size))

    def _page_of_messages(
        self, chat_id: str, after_id: int, page_size: int, cursor: str | None
    ) -> tuple[list[ChatMessage], str | None]:
        after = after_id if cursor is None else int(cursor)
        page = self.list_chat_messages(chat_id, limit=page_size, after_id=after)
        more = page.has_more and page.messages
        return page.messages, str(page.messages[-1].id) if more else None


def _server(server_id: str) -> str:
    return f"{_SERVERS}/{segment(server_id)}"


def _chat(chat_id: str) -> str:
    return f"{_CHATS}/{segment(chat_id)}"
