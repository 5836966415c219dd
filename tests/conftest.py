"""Fixtures that all tests may use."""

import gc
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.support import aws, copies, thrift

# Python's own 2 000 would have it look for garbage ten times in each test, among all there is.
gc.set_threshold(100_000, 10, 10)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make api-docs` asks of tests/functional/test_api_examples.py."""
    parser.addoption("--write-examples", action="store_true", help="keep what was recorded")


@pytest.fixture(autouse=True)
def no_real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches for a developer's AWS account."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", aws.REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def local_aws(no_real_credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The in-process AWS with our tables, key and queue."""
    aws.make_writes_atomic(monkeypatch)
    aws.spare_time(monkeypatch)
    thrift.spare_more_time(monkeypatch)
    with mock_aws():
        copies.have_stack()
        yield
