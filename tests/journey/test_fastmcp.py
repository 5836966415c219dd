"""Ciborium with FastMCP's own OAuth2 server, in a process of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.demo import DemoServer
from tests.support.deployment import error_of
from tests.support.peer_journey import PeerWorld, list_at_once
from tests.support.servers import SERVERS

TOOLS = ["add_numbers", "list_notes", "read_note"]
ALWAYS_RENEWED = 8
"""Seconds: less than the ten before its end in which a token is renewed."""


class FastMCP:
    """A running demo server, and the requests that it got."""

    def __init__(self, folder: Path, token_seconds: int) -> None:
        self._requests = folder / "requests"
        seconds = ("--token-seconds", str(token_seconds))
        self.server = DemoServer(folder, *seconds, "--requests", str(self._requests))

    def answers(self, path: str) -> list[str]:
        """The statuses of the requests for a path, in order."""
        lines = self._requests.read_text(encoding="utf-8").splitlines()
        return [line.split()[-1] for line in lines if f" {path} HTTP" in line]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], FastMCP]]:
    """Starts it with access tokens that live for some seconds."""
    monkeypatch.setenv("CIBORIUM_DEMO_PORT", "0")
    with ExitStack() as stack:

        def start_one(token_seconds: int) -> FastMCP:
            peer = FastMCP(tmp_path, token_seconds)
            peer.server.start()
            stack.callback(peer.server.stop)
            return peer

        yield start_one


def connected(world: PeerWorld, peer: FastMCP) -> str:
    """The id of a server that Mara is connected to."""
    server_id: str = world.register(peer.server.url)["id"]
    page = world.connect(server_id)
    assert page.status_code == 200, page.text
    return server_id


@pytest.mark.rule(47, "trap:early-refresh")
def test_every_token_of_a_server_with_rotation_is_renewed_before_it_ends(
    world: PeerWorld, start: Callable[[int], FastMCP]
) -> None:
    peer = start(ALWAYS_RENEWED)
    server_id = connected(world, peer)
    for _ in range(3):
        assert world.tool_names(server_id) == TOOLS
    code, *refreshes = peer.answers("/token")
    assert (code, refreshes) == ("200", ["200"] * 3)
    assert "401" not in peer.answers("/mcp")[1:]


@pytest.mark.rule("trap:concurrent-refresh")
def test_lambdas_that_list_at_once_with_an_expired_token_refresh_once(
    world: PeerWorld, start: Callable[[int], FastMCP]
) -> None:
    peer = start(3600)
    server_id = connected(world, peer)
    world.deployment.clock.advance(hours=1)
    with world.more_containers(2) as containers:
        assert list_at_once(containers, server_id) == [200, 200]
    assert peer.answers("/token") == ["200", "200"]


def test_a_server_that_drops_the_grant_of_an_expired_token_is_connected_to_anew(
    world: PeerWorld, start: Callable[[int], FastMCP]
) -> None:
    """FastMCP forgets the refresh token as soon as it sees its access token expired."""
    peer = start(2)
    server_id = connected(world, peer)
    world.deployment.clock.advance(hours=-1)  # By our clock the token is good for an hour.
    answers = [world.list_tools(server_id)]
    for _ in range(1000):
        if answers[-1].status_code != 200:
            break
        answers.append(world.list_tools(server_id))
    assert error_of(answers[-1]) == (409, "connect_required")
    assert peer.answers("/token") == ["200", "401"]  # RFC 6749 wants 400; the code counts.
    world.deployment.clock.advance(hours=1)
    assert world.connect(server_id).status_code == 200
    assert world.mara.get(f"{SERVERS}/{server_id}").json()["auth_connected"]


def test_the_provider_confirms_a_disconnect(
    world: PeerWorld, start: Callable[[int], FastMCP]
) -> None:
    peer = start(3600)
    server_id = connected(world, peer)
    answer = world.mara.delete(f"{SERVERS}/{server_id}/oauth2/disconnect")
    assert answer.json() == {"token_revoked": True}
    assert peer.answers("/revoke") == ["200"]
