"""What `make demo` starts beside the product: an MCP server, and a model that needs no account."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.environments import ROOT, python_of

_SERVER = ROOT / "infra" / "local" / "demo_server.py"


class DemoError(Exception):
    """A program of the demo did not start; the message says where its log is."""


class _Program:
    """A program that prints its URL once it listens, and ends when its standard input does.

    Args:
        name: what people call it.
        log: the file that gets its standard error.
        port: the variable that names its port, and the port where that is not set.
        command: what runs it; the port is appended.
    """

    def __init__(
        self, name: str, log: Path, port: tuple[str, str], command: Sequence[str | Path]
    ) -> None:
        self._name = name
        self._log = log
        self._variable, self._default = port
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        """Where it listens, once it has started."""

    def start(self) -> None:
        """Start it and wait until it says where it listens.

        Raises:
            DemoError: it ended first.
        """
        port = os.environ.get(self._variable, "") or self._default
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, "--port", port],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.PIPE,  # Its end tells the program that we are gone.
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout  # noqa: S101 -- asked for above
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise DemoError(
                f"{self._name} did not start; see {self._log}. If port {port} is in use, "
                f"choose another with {self._variable}."
            )

    def stop(self) -> None:
        """Stop it, if it was started."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
            self._process = None


class DemoServer(_Program):
    """A small MCP server on 127.0.0.1 with its own OAuth2 authorization server.

    Its `url` is its MCP endpoint.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(
            "the demo server",
            folder / "demo.log",
            ("CIBORIUM_DEMO_PORT", "8790"),
            [
                *(python_of("peers"), _SERVER),
                *("--clients", str(folder / "demo-clients.json"), *arguments),
            ],
        )


class DemoModel(_Program):
    """The scripted model on 127.0.0.1; its `url` is what a provider's base URL is to be."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            "the scripted model",
            folder / "model.log",
            ("CIBORIUM_MODEL_PORT", "8791"),
            # The pause lets people see that the answer comes in pieces.
            [sys.executable, "-m", "infra.local.scripted_model", "--delay", "0.05"],
        )
