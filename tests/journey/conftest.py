"""Fixtures of the tests with real peers and a real browser."""

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.support.browser import IS_INSTALLED, open_browser
from tests.support.peer_journey import PeerWorld, peer_world


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
