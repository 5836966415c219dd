"""The command line program against a deployment in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from chalicelib.sdk.cli.app import cli
from chalicelib.sdk.cli.session import Session
from tests.support.deployment import PUBLIC_URL, Deployment, InProcessTransport
from tests.support.journey import MCP_URL

SECRET = "sentinel-secret-value"
TICKETS = ("servers", "add", MCP_URL, "--name", "Tickets", "--enable")


@dataclass
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, read as JSON."""
        return json.loads(self.out)


@dataclass
class Terminal:
    """A user's terminal: a home, an environment, a browser."""

    home: Path
    transport: httpx.BaseTransport
    environment: dict[str, str] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    has_browser: bool = True
    is_attended: bool = False
    when_waiting: Callable[[], object] = lambda: None

    def run(self, *arguments: str, typed: str = "", **environment: str) -> Ran:
        """Run a command; `typed` is its standard input."""
        result = CliRunner().invoke(
            cli,
            arguments,
            input=typed,
            env=self._clean() | self.environment | environment,
            obj=Session(
                transport=self.transport,
                sleep=self.sleep,
                open_browser=self.open_browser,
                is_terminal=lambda: self.is_attended,
            ),
            prog_name="ciborium",
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def ok(self, *arguments: str, typed: str = "", **environment: str) -> Ran:
        """Run a command that must succeed."""
        ran = self.run(*arguments, typed=typed, **environment)
        assert ran.code == 0, ran.err + ran.out
        return ran

    def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.waits.append(seconds)
        self.when_waiting()

    def open_browser(self, url: str) -> bool:
        """The browser that commands open."""
        if self.has_browser:
            self.opened.append(url)
        return self.has_browser

    @property
    def credentials(self) -> Path:
        """Where `login` keeps them."""
        return self.home / "ciborium" / "credentials.json"

    def _clean(self) -> dict[str, Any]:
        return {
            "XDG_CONFIG_HOME": str(self.home),
            "CIBORIUM_URL": None,
            "CIBORIUM_TOKEN": None,
        }


def terminal_of(deployment: Deployment, home: Path, token: str) -> Terminal:
    """A terminal in which a token's owner uses a deployment."""
    transport = InProcessTransport(
        deployment.app, deployment.settings.public_url.path, deployment.roles
    )
    environment = {"CIBORIUM_URL": PUBLIC_URL, "CIBORIUM_TOKEN": token}
    return Terminal(home, transport, environment)


def sentinels_in(terminal: Terminal, *arguments: str, **options: Any) -> tuple[int, bool]:
    """Run a command; its exit code, and whether it has shown the secret."""
    ran = terminal.run(*arguments, **options)
    return ran.code, SECRET in ran.out + ran.err
