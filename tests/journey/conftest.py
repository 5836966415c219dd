"""Fixtures of the tests with real packages, real peers and a real browser."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from infra import package
from tests.support.browser import IS_INSTALLED, open_browser
from tests.support.peer_journey import PeerWorld, peer_world


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the work tree's package, only to be read.

    `make audit` may have built it, or the first of the tests' processes that wants it; the others
    wait for that.
    """
    with (tmp_path_factory.getbasetemp().parent / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package.build_unless_current()
    return package.BUILD


@pytest.fixture
def world(local_aws: None) -> Iterator[PeerWorld]:
    """A deployment in this process that reaches the peers on loopback."""
    with peer_world() as running:
        yield running


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    """A headless Chromium with a profile of its own."""
    if not IS_INSTALLED:
        pytest.skip("chromium and chromedriver are not on the PATH; .ci/run installs them")
    with open_browser() as driver:
        yield driver
