"""AWS in this process, and its answers again without its work.

moto answers first, and what it says is kept where botocore receives it; timed are repetitions, to
which botocore is given the same again where it would send. So our code and botocore's are timed,
AWS is not.
"""

import copy
import io
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import moto.dynamodb.models
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.models import botocore_stubber

from tests.support import aws

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": aws.REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_BEFORE = 3  # Repetitions that are not timed.


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class Answers:
    """AWS's answers to one act of ours, in order: kept, then given whenever it is repeated."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, int, HTTPHeaders, bytes]] = []
        self._next: int | None = None

    def watch(self, events: Any, service: str) -> None:
        """Keep, and later give, the answers to a client; takes its events, or its session."""
        events.register(f"before-send.{service}", self._give)
        events.register(f"before-parse.{service}", self._keep)

    def forget(self) -> None:
        """Keep the answers from now on, and none from before."""
        self._kept.clear()

    def repeat(self, act: Callable[[], object], runs: int) -> None:
        """Repeat what was done since `forget`: a few times, and then so often."""
        botocore_stubber.enabled = False  # moto would work even where its answer is not needed.
        try:
            for _ in range(_BEFORE + runs if runs else 0):
                self._next = 0
                act()
                if self._next != len(self._kept):
                    raise RuntimeError(f"{self._next} calls, where it was {len(self._kept)}")
        finally:
            botocore_stubber.enabled = True
            self._next = None

    @property
    def calls(self) -> list[str]:
        """Which calls were kept, like `dynamodb.GetItem`."""
        return [name for name, *_ in self._kept]

    def _keep(self, event_name: str, response_dict: dict[str, Any], **_: Any) -> None:
        if self._next is None:
            name = event_name.removeprefix("before-parse.")
            headers = HTTPHeaders()
            for each, value in response_dict["headers"].items():
                headers[each] = value
            self._kept.append((name, response_dict["status_code"], headers, response_dict["body"]))

    def _give(self, event_name: str, request: Any, **_: Any) -> AWSResponse | None:
        if self._next is None:
            return None
        name, status, headers, body = self._kept[self._next]
        if name != event_name.removeprefix("before-send."):
            raise RuntimeError(f"{event_name} is called, where it was {name} the first time")
        self._next += 1
        return AWSResponse(request.url, status, headers, _Body(body))


def time_one(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


@contextmanager
def in_process_aws() -> Iterator[None]:
    """moto's AWS with our tables, key and queue."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _CREDENTIALS.items():
            patch.setenv(name, value)
        # moto copies all tables before a transaction, so that it can take it back. Without, a
        # thousand rows take seconds, not minutes; transactions here do not fail.
        quick = types.SimpleNamespace(deepcopy=lambda table: table, copy=copy.copy)
        patch.setattr(moto.dynamodb.models, "copy", quick)
        aws.spare_time(patch)
        with mock_aws():
            aws.create_stack()
            yield
