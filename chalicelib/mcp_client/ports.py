"""What using tools needs of the package above; `bootstrap` hands it the real one."""

from collections.abc import Mapping
from typing import Protocol

from chalicelib.mcp_servers.models import MCPServer


class ApprovedTools(Protocol):
    """What admins have approved of servers' tools."""

    def find_hashes(self, server: MCPServer) -> Mapping[str, str] | None:
        """The hash of each approved tool by its name; None before the first approval."""
