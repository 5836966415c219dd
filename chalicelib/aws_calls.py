"""Counting calls to AWS where botocore sends them, through its own events; it sends no more.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from chalicelib.metrics import Metric, count, note

_COUNTED = {
    "dynamodb": Metric.DYNAMODB_CALLS,
    "kms": Metric.KMS_CALLS,
    "sqs": Metric.SQS_CALLS,
    "apigatewaymanagementapi": Metric.PUSHES,
}
# DynamoDB operations that change nothing.
READS = frozenset({"BatchGetItem", "DescribeTable", "GetItem", "Query", "Scan", "TransactGetItems"})
_THROTTLES = frozenset(
    {
        *("LimitExceededException", "OverLimit", "ProvisionedThroughputExceeded"),
        *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled"),
        *("RequestThrottledException", "Throttling", "ThrottlingError", "ThrottlingException"),
        *("ThrottledException", "TooManyRequestsException"),
    }
)


class Emitter(Protocol):
    """What events are asked of: a botocore session, or one client's `meta.events`."""

    def register(self, event_name: str, handler: Any, unique_id: Any = None) -> Any:
        """Call a handler at each such event; with the same `unique_id` only once."""


def watch(emitter: Emitter) -> None:
    """Count the calls of a session's clients that are made from now on, or of one client."""
    for service in _COUNTED:
        emitter.register(f"before-send.{service}", _count_call, f"ciborium-calls-{service}")
        emitter.register(f"needs-retry.{service}", _count_throttle, f"ciborium-retry-{service}")
    emitter.register("after-call.dynamodb", _count_units, "ciborium-units")


def note_failure(error: Exception) -> None:
    """Put on the invocation's line why a call failed: AWS's code, or what botocore calls it.

    Callers are told that a service is unavailable; whoever runs it must know whether it refused,
    throttled, or said nothing.
    """
    response = getattr(error, "response", None) or {}
    note(aws_code=response.get("Error", {}).get("Code") or type(error).__name__)


def _count_call(event_name: str, **_: Any) -> None:
    """Each attempt counts."""
    count(_COUNTED[event_name.split(".")[1]])


def _count_throttle(response: tuple[Any, Mapping[str, Any]] | None, **_: Any) -> None:
    """Asked after each attempt, also the last; says nothing about whether there is another."""
    if response is None:
        return
    http, parsed = response
    if http.status_code == 429 or any(code in _THROTTLES for code in _error_codes(parsed)):
        count(Metric.THROTTLES)


def _error_codes(parsed: Mapping[str, Any]) -> Iterator[str]:
    yield parsed.get("Error", {}).get("Code", "")
    for reason in parsed.get("CancellationReasons", ()):
        yield reason.get("Code", "")


def _count_units(parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """PynamoDB asks with every call for what it consumes (`ReturnConsumedCapacity`).

    A refused write consumes, too, and DynamoDB does not say how much.
    """
    found = parsed.get("ConsumedCapacity") or ()
    for each in [found] if isinstance(found, Mapping) else found:
        read, write = each.get("ReadCapacityUnits", 0.0), each.get("WriteCapacityUnits", 0.0)
        if not read and not write:
            units = each.get("CapacityUnits", 0.0)
            read, write = (units, 0.0) if model.name in READS else (0.0, units)
        count(Metric.READ_UNITS, read)
        count(Metric.WRITE_UNITS, write)
