"""What one invocation of a function counts, and what is worth a word in its log line.

Whoever has something to count calls `count`; outside of an invocation that does nothing. How it is
printed is the business of `logs.py`, and when, of `invocations.py`.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from enum import StrEnum
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Metric(StrEnum):
    """Everything that is counted."""

    REQUESTS = "Requests"
    DURATION = "Duration"
    SERVER_ERRORS = "ServerErrors"
    COLD_STARTS = "ColdStarts"
    TOKEN_REFRESHES = "TokenRefreshes"  # noqa: S105 -- a name, as the next
    TOKEN_REFRESH_FAILURES = "TokenRefreshFailures"  # noqa: S105
    TOOL_CALLS = "ToolCalls"
    TOOL_CALL_FAILURES = "ToolCallFailures"
    INPUT_TOKENS = "InputTokens"
    OUTPUT_TOKENS = "OutputTokens"
    COST = "Cost"
    FAILED_STEPS = "FailedSteps"
    FAILED_TASKS = "FailedTasks"
    ENCRYPTION_FAILURES = "EncryptionFailures"
    THROTTLES = "Throttles"
    DYNAMODB_CALLS = "DynamoDBCalls"
    READ_UNITS = "ReadUnits"
    WRITE_UNITS = "WriteUnits"
    KMS_CALLS = "KMSCalls"
    OUTBOUND_CALLS = "OutboundCalls"
    SQS_CALLS = "SQSCalls"
    PUSHES = "Pushes"


NAMESPACE = "Ciborium"
DIMENSIONS = ("Stage", "Function")
_LOG_ONLY = frozenset({Metric.SQS_CALLS, Metric.PUSHES})
_OTHER_UNITS = {Metric.DURATION: "Milliseconds", Metric.COST: "None"}
UNITS: Mapping[Metric, str] = {
    each: _OTHER_UNITS.get(each, "Count") for each in Metric if each not in _LOG_ONLY
}
"""CloudWatch's metrics with their units; alarms and the dashboard know them by these names."""


class Invocation:
    """What one invocation has counted and noted so far; several threads may do so at once.

    Attributes:
        function: which of our functions it is of.
        request_id: by which its caller can name it.
    """

    def __init__(self, function: str, request_id: str) -> None:
        self.function = function
        self.request_id = request_id
        self._counts: Counter[Metric] = Counter()
        self._fields: dict[str, object] = {}
        self._lock = threading.Lock()

    def count(self, metric: Metric, amount: float) -> None:
        """Add to a metric."""
        with self._lock:
            self._counts[metric] += amount  # type: ignore[assignment]  # It is no whole number.

    def note(self, fields: Mapping[str, object]) -> None:
        """Add fields to the line; of two with the same name the later one stays."""
        with self._lock:
            self._fields.update(fields)

    def read_counts(self) -> dict[Metric, float]:
        """What was counted until now."""
        with self._lock:
            return dict(self._counts)

    def read_fields(self) -> dict[str, object]:
        """What was noted until now."""
        with self._lock:
            return dict(self._fields)


_current: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


def find_invocation() -> Invocation | None:
    """The invocation that this code runs in."""
    return _current.get()


def enter(invocation: Invocation) -> Callable[[], None]:
    """Make an invocation the current one; what is returned ends that."""
    token = _current.set(invocation)
    return lambda: _current.reset(token)


def count(metric: Metric, amount: float = 1) -> None:
    """Add to a metric of the current invocation."""
    invocation = _current.get()
    if invocation is not None:
        invocation.count(metric, amount)


@contextmanager
def counted(attempts: Metric, failures: Metric) -> Iterator[None]:
    """Count what is tried inside, and once more if it raises."""
    count(attempts)
    try:
        yield
    except Exception:
        count(failures)
        raise


def note(**fields: object) -> None:
    """Add fields to the current invocation's line; `logs.FIELDS` says which there are."""
    invocation = _current.get()
    if invocation is not None:
        invocation.note(fields)


def carried(function: Callable[P, T]) -> Callable[P, T]:
    """A function for another thread, which counts there for the invocation that starts it.

    What a thread counts after its invocation has ended is lost, and never another one's.
    """
    context = copy_context()
    # A context may be entered once at a time, and several threads may run the same function.
    return lambda *args, **kwargs: context.copy().run(function, *args, **kwargs)
