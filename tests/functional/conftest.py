"""Fixtures of the functional tests: a whole deployment in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Terminal, terminal_of
from tests.support.deployment import ADMIN_TOKEN, Deployment, start_deployment
from tests.support.faults import Wire, lay_wire
from tests.support.identity_provider import SETTINGS
from tests.support.journey import World, start_world
from tests.support.sealed import Office
from tests.support.turns import Talk, talking


@pytest.fixture
def deployment(local_aws: None) -> Deployment:
    """A deployment that reaches no other server."""
    return start_deployment()


@pytest.fixture
def world(local_aws: None) -> World:
    """A deployment that reaches an OAuth2-protected MCP server, and an identity provider."""
    return start_world(SETTINGS)


@pytest.fixture
def talk(world: World) -> Iterator[Talk]:
    """Somebody to talk to, who has a scripted model to talk to."""
    with talking(world) as talk:
        yield talk


@pytest.fixture
def terminal(world: World, tmp_path: Path) -> Terminal:
    """A terminal in which the first admin is signed in."""
    return terminal_of(world.deployment, tmp_path, ADMIN_TOKEN)


@pytest.fixture
def stranger(world: World, tmp_path: Path) -> Terminal:
    """A terminal of somebody who has not signed in yet."""
    terminal = terminal_of(world.deployment, tmp_path, "")
    terminal.environment.clear()
    return terminal


@pytest.fixture
def office(local_aws: None) -> Office:
    """A deployment in use, and its operator."""
    return Office()


@pytest.fixture
def backup(office: Office, tmp_path: Path) -> Path:
    """The file of a backup of it."""
    file = tmp_path / "backup.jsonl"
    ran = office.run("backup", str(file))
    assert ran.code == 0, ran.err
    return file


@pytest.fixture
def wire(local_aws: None, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The way to AWS, on which faults can be put."""
    return lay_wire(monkeypatch)
