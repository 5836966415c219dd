"""`ExperimentalClient`: MCP servers and chats, below `/api/experimental`; it may change."""

from .connection import Connection
from .methods.chat_files import ChatFileMethods
from .methods.chat_models import ChatModelMethods
from .methods.chat_usage import ChatUsageMethods
from .methods.chats import ChatMethods
from .methods.mcp_access import MCPAccessMethods
from .methods.mcp_servers import MCPServerMethods
from .methods.mcp_tools import MCPToolMethods


class ExperimentalClient(
    MCPServerMethods,
    MCPAccessMethods,
    MCPToolMethods,
    ChatMethods,
    ChatFileMethods,
    ChatModelMethods,
    ChatUsageMethods,
):
    """MCP servers, their tools, and chats. Got from `Client.experimental`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"ExperimentalClient({self._connection.base_url!r})"
