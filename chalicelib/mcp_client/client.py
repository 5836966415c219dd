from collections.abc import Mapping

from chalicelib.egress import Egress
from chalicelib.mcp_client.channel import Channel
from chalicelib.mcp_client.listing import list_tools
from chalicelib.mcp_client.models import Tool
from chalicelib.mcp_client.session import EraMemory, Session

_LISTING_SECONDS = 10.0


class MCPClient:
    """Speaks MCP over Streamable HTTP, in both protocol eras; lives as long as the container.

    It keeps nothing of any user.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._memory = EraMemory()

    def list_tools(self, endpoint: str, headers: Mapping[str, str]) -> tuple[Tool, ...]:
        """The tools that a server offers to whom `headers` authorise, within ten seconds.

        Raises:
            MCPAuthorizationError: the server wants other credentials.
            MCPServerError: the server answered with an error.
            MCPProtocolError: the server does not speak MCP as it should.
            EgressRefusedError, EgressConnectionError, EgressResponseError, EgressTimeoutError:
                there was no proper HTTP answer in time.
        """
        channel = Channel(self._egress, endpoint, headers, _LISTING_SECONDS)
        session = Session(channel, self._memory)
        try:
            return list_tools(session)
        finally:
            session.close()
