"""Fixtures of the tests with real peers."""

from collections.abc import Iterator

import pytest

from tests.support.peer_journey import PeerWorld, peer_world


@pytest.fixture
def world(local_aws: None) -> Iterator[PeerWorld]:
    """A deployment in this process that reaches the peers on loopback."""
    with peer_world() as running:
        yield running
