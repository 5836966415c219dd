"""Every command in docs/cli.md runs as it stands there, and every command is in it."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from chalicelib.sdk.cli.app import cli
from tests.support.chat_worker import WorkingTransport
from tests.support.cli import Terminal, terminal_of
from tests.support.deployment import ADMIN_TOKEN
from tests.support.journey import World
from tests.support.turns import talking_host

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
FILE = {
    "mcpServers": {
        "local": {"command": "npx", "args": ["server-local"]},
        "new": {"url": "https://new.example/mcp", "headers": {"X-Key": "${input:key}"}},
    }
}
TYPED = {"login": ADMIN_TOKEN + "\n", "add": "a-header-value\n"}


def documented() -> list[str]:
    blocks = re.findall(
        r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [line for block in blocks for line in block.splitlines() if line]


def paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name, inner in command.commands.items():
        yield from paths(inner, (*path, name))


def test_every_command_in_the_document_runs(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = terminal_of(world.deployment, tmp_path, "")
    terminal.environment = {"KEYED_API_KEY": "a-key"}
    terminal.transport = WorkingTransport(world.deployment, terminal.transport)
    monkeypatch.chdir(tmp_path)
    Path("mcp.json").write_text(json.dumps(FILE))
    Path("icon.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17))
    terminal.when_waiting = lambda: connect(world, terminal)
    with talking_host(world, "https://api.openai.com"):
        run_all(terminal)


def run_all(terminal: Terminal) -> None:
    token_id = ""
    for line in documented():
        program, *arguments = shlex.split(line.replace("$TOKEN_ID", token_id))
        assert program == "ciborium"
        typed = next((TYPED[word] for word in arguments[:2] if word in TYPED), "")
        ran = terminal.run(*arguments, typed=typed)
        assert ran.code == 0, f"{line}\n{ran.err}"
        if arguments[:2] == ["tokens", "create"]:
            token_id = terminal.ok("tokens", "list", "--user", "mara", "--json").json[0]["id"]


def connect(world: World, terminal: Terminal) -> None:
    """The user does in the browser what it asks for."""
    server_id = terminal.opened[-1].split("/")[-3]
    world.connect_as(ADMIN_TOKEN, server_id)


def test_every_command_is_in_the_document() -> None:
    shown = [shlex.split(line)[1:] for line in documented()]
    missing = [
        path for path in paths(cli) if not any(tuple(each[: len(path)]) == path for each in shown)
    ]
    assert missing == []
