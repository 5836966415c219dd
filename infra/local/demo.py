"""Starting the demo MCP server as a process in the peers' environment."""

import os
import subprocess
from pathlib import Path

from infra.local.environments import ROOT, python_of

_SERVER = ROOT / "infra" / "local" / "demo_server.py"


class DemoServerError(Exception):
    """The demo server did not start; the message says where its log is."""


class DemoServer:
    """A small MCP server on 127.0.0.1 with its own OAuth2 authorization server."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder / "demo.log"
        self._arguments = ("--clients", str(folder / "demo-clients.json"), *arguments)
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        """Its MCP endpoint, once it has started."""

    def start(self) -> None:
        """Start it and wait until it says where it listens.

        Raises:
            DemoServerError: it ended first.
        """
        port = os.environ.get("CIBORIUM_DEMO_PORT", "") or "8790"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [python_of("peers"), _SERVER, "--port", port, *self._arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.PIPE,  # Its end tells the server that we are gone.
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout  # noqa: S101 -- asked for above
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise DemoServerError(
                f"the demo server did not start; see {self._log}. If port {port} is in use, "
                "choose another with CIBORIUM_DEMO_PORT."
            )

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
            self._process = None
