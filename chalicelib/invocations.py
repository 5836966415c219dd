"""One log line for each invocation of a function, whatever becomes of it."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from chalicelib import startup
from chalicelib.config import find_trace_id
from chalicelib.logs import describe_exception, log_invocation
from chalicelib.metrics import Invocation, Metric, count, enter, note
from chalicelib.primitives import new_id

API = "api"
_cold = Lock()  # Held for ever by the first invocation of this process.


@contextmanager
def observed(function: str, message: str, context: object, request_id: str = "") -> Iterator[None]:
    """Time and count what is done inside, and log it.

    Args:
        function: `api`, `turns`, `reaper` or `follow`.
        message: what the line is called.
        context: the Lambda context, or anything else.
        request_id: API Gateway's; otherwise Lambda's.
    """
    lambda_id = getattr(context, "aws_request_id", None)
    invocation = Invocation(function, request_id or str(lambda_id or new_id()))
    leave = enter(invocation)
    started = time.perf_counter()
    is_cold = _cold.acquire(blocking=False)
    if function != API:
        startup.end()  # What a route needs is loaded with the first request for it.
    try:
        note(lambda_request_id=lambda_id, trace_id=find_trace_id())
        yield
    except Exception as exc:
        count(Metric.SERVER_ERRORS)
        note(outcome="failed", **describe_exception(exc))
        raise
    finally:
        _close(invocation, message, (time.perf_counter() - started) * 1000, is_cold=is_cold)
        leave()


def _close(invocation: Invocation, message: str, duration: float, *, is_cold: bool) -> None:
    fields = invocation.read_fields()
    status = fields.get("status")
    failed = fields.get("outcome") == "failed" or (isinstance(status, int) and status >= 500)
    count(Metric.REQUESTS)
    count(Metric.DURATION, round(duration, 1))
    if isinstance(status, int) and status >= 500:
        count(Metric.SERVER_ERRORS)
    if is_cold:
        count(Metric.COLD_STARTS)
    counts = invocation.read_counts()
    line = {
        "function": invocation.function,
        "request_id": invocation.request_id,
        **fields,
        "duration_ms": round(duration, 1),
        "cold_start": is_cold,
        "calls": {name: int(counts[each]) for name, each in _CALLS.items() if counts.get(each)},
        "units": {name: counts[each] for name, each in _UNITS.items() if counts.get(each)},
    }
    log_invocation(logging.ERROR if failed else logging.INFO, message, line, counts)


_CALLS = {
    "dynamodb": Metric.DYNAMODB_CALLS,
    "kms": Metric.KMS_CALLS,
    "sqs": Metric.SQS_CALLS,
    "pushes": Metric.PUSHES,
    "outbound": Metric.OUTBOUND_CALLS,
}
_UNITS = {"read": Metric.READ_UNITS, "write": Metric.WRITE_UNITS}
