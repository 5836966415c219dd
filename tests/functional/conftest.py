"""Fixtures of the functional tests: a whole deployment in this process."""

import pytest

from tests.support.deployment import Deployment, start_deployment
from tests.support.identity_provider import SETTINGS
from tests.support.journey import World, start_world


@pytest.fixture
def deployment(local_aws: None) -> Deployment:
    """A deployment that reaches no other server."""
    return start_deployment()


@pytest.fixture
def world(local_aws: None) -> World:
    """A deployment that reaches an OAuth2-protected MCP server, and an identity provider."""
    return start_world(SETTINGS)
