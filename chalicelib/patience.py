"""How long one request waits for AWS, over all of its calls.

API Gateway gives up after 29 seconds, and each client of ours after twelve at the worst. A request
makes several calls; so once it has waited for long, its next call is not made any more, and it
fails with a clear error while somebody still listens. Whoever sets no limit has none: workers, and
what has a timeout of its own.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_SECONDS = 10.0  # With one last call at its worst, well below API Gateway's 29.

Stopwatch = Callable[[], float]


class Patience:
    """What a request has left to wait."""

    def __init__(self, seconds: float, stopwatch: Stopwatch) -> None:
        self._left = seconds
        self._stopwatch = stopwatch
        self._thread = threading.get_ident()

    @property
    def is_over(self) -> bool:
        """Whether it waits no more."""
        return self._left <= 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count how long something takes; what other threads wait for, is at the same time."""
        if threading.get_ident() != self._thread:
            yield
            return
        started = self._stopwatch()
        try:
            yield
        finally:
            self._left -= self._stopwatch() - started


_CURRENT: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def limited(
    seconds: float = REQUEST_SECONDS, stopwatch: Stopwatch = time.monotonic
) -> Iterator[None]:
    """Wait for AWS no longer than so many seconds altogether, in what is done inside."""
    token = _CURRENT.set(Patience(seconds, stopwatch))
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def unlimited() -> Iterator[None]:
    """Wait for AWS as long as it takes: what is done inside would be lost if it were not tried."""
    token = _CURRENT.set(None)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def waiting(refused: Exception) -> Iterator[None]:
    """Count a call to AWS; raise `refused` instead if the request has no patience left."""
    patience = _CURRENT.get()
    if patience is None:
        yield
        return
    if patience.is_over:
        raise refused
    with patience.waiting():
        yield
