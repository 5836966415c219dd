"""Real MCP servers, each in its own process and in the peers' own environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import running

PEERS = Path(__file__).parent / "peers"
_DEFAULT_PYTHON = ".local/venvs/peers/bin/python"


def peers_python() -> Path:
    """The interpreter that has FastMCP; it cannot share ours, since it needs another httpx."""
    return Path(os.environ.get("CIBORIUM_PEERS_PYTHON", _DEFAULT_PYTHON))


@contextmanager
def running_mcp_server(*flags: str) -> Iterator[str]:
    """Run `peers/mcp_server.py` with these flags; the URL of its endpoint."""
    python = peers_python()
    if not python.exists():
        raise FileNotFoundError(f"{python} is missing: set CIBORIUM_PEERS_PYTHON.")
    with running([python, "-u", PEERS / "mcp_server.py", *flags]) as url:
        yield url


@contextmanager
def running_mcp_servers(count: int, *flags: str) -> Iterator[list[str]]:
    """One of them that listens on so many ports; the URLs of its endpoints."""
    with running_mcp_server(f"--ports={count}", *flags) as urls:
        yield urls.split()
