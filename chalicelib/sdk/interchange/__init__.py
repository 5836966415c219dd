"""MCP servers from and to the files of other programs. Pure functions: no file, no network.

`read_servers` takes `mcp.json`, `claude_desktop_config.json`, the forms of Cursor and VS Code, and
the MCP registry's `server.json`; `write_servers` makes them. What cannot be taken over is said,
never dropped, and no secret is ever written.
"""

from .models import Import, ImportedServer, InterchangeError, SkippedServer
from .reading import read_servers
from .writing import Export, Form, write_servers

__all__ = [
    "Export",
    "Form",
    "Import",
    "ImportedServer",
    "InterchangeError",
    "SkippedServer",
    "read_servers",
    "write_servers",
]
