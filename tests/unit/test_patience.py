"""How long one request waits for AWS."""

import threading
from contextvars import copy_context

import pytest

from chalicelib import patience
from chalicelib.errors import UnavailableError

REFUSED = UnavailableError("no more")


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def wait(stopwatch: Stopwatch, seconds: float) -> None:
    with patience.waiting(REFUSED):
        stopwatch.seconds += seconds


def fail(stopwatch: Stopwatch, seconds: float) -> None:
    with patience.waiting(REFUSED):
        stopwatch.seconds += seconds
        raise TimeoutError


def test_calls_share_what_a_request_is_ready_to_wait() -> None:
    stopwatch = Stopwatch()
    with patience.limited(10, stopwatch):
        wait(stopwatch, 6)
        wait(stopwatch, 3.9)
        wait(stopwatch, 12)  # Begun in time; its own limits end it.
        with pytest.raises(UnavailableError):
            wait(stopwatch, 0)


def test_what_is_done_between_the_calls_does_not_count() -> None:
    stopwatch = Stopwatch()
    with patience.limited(10, stopwatch):
        wait(stopwatch, 1)
        stopwatch.seconds += 20
        wait(stopwatch, 1)


def test_a_failed_call_counts_as_well() -> None:
    stopwatch = Stopwatch()
    with patience.limited(10, stopwatch):
        with pytest.raises(TimeoutError):
            fail(stopwatch, 10)
        with pytest.raises(UnavailableError):
            wait(stopwatch, 0)


def test_each_request_begins_anew_and_who_sets_no_limit_has_none() -> None:
    stopwatch = Stopwatch()
    for _ in range(2):
        with patience.limited(10, stopwatch):
            wait(stopwatch, 10)
    wait(stopwatch, 100)
    wait(stopwatch, 100)


def test_what_other_threads_wait_for_does_not_add_up() -> None:
    stopwatch = Stopwatch()
    with patience.limited(10, stopwatch):
        context = copy_context()
        for _ in range(3):
            thread = threading.Thread(target=context.run, args=(wait, stopwatch, 9))
            thread.start()
            thread.join()
        wait(stopwatch, 9)
