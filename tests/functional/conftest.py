"""Fixtures of the functional tests: a whole deployment in this process."""

import pytest

from tests.support.deployment import Deployment, start_deployment


@pytest.fixture
def deployment(local_aws: None) -> Deployment:
    """A deployment that reaches no other server."""
    return start_deployment()
