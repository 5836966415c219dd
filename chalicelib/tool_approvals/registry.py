"""What the packages below need of approvals; implements their ports."""

import threading
from collections import OrderedDict
from collections.abc import Mapping

from chalicelib.mcp_servers.models import MCPServer
from chalicelib.tool_approvals.repository import ToolApprovalRepository

_REMEMBERED_SERVERS = 256


class ToolApprovalRegistry:
    """Knows which tools are approved; lives as long as the container, and is bounded."""

    def __init__(self, repository: ToolApprovalRepository) -> None:
        self._repository = repository
        self._lock = threading.Lock()
        self._hashes: OrderedDict[str, tuple[int, Mapping[str, str]]] = OrderedDict()

    def find_hashes(self, server: MCPServer) -> Mapping[str, str] | None:
        """The hash of each approved tool by its name; None before the first approval.

        Read once for each version, which the server tells.

        Raises:
            ApprovalsBusyError: they are being written.
        """
        if not server.tool_approvals:
            return None
        with self._lock:
            version, hashes = self._hashes.get(server.id, (0, {}))
        if version < server.tool_approvals:
            stored = self._repository.load(server.id)
            hashes = {name: each.tool.hash for name, each in stored.approvals.items()}
            self._remember(server.id, stored.version, hashes)
        return hashes

    def remove_all(self, server_id: str) -> None:
        """Remove a server's approvals; safe to repeat."""
        self._repository.remove_all(server_id)

    def _remember(self, server_id: str, version: int, hashes: Mapping[str, str]) -> None:
        with self._lock:
            self._hashes[server_id] = (version, hashes)
            self._hashes.move_to_end(server_id)
            if len(self._hashes) > _REMEMBERED_SERVERS:
                self._hashes.popitem(last=False)
