"""Counting for one invocation, also from other threads, and what botocore tells of its calls."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.aws_calls import watch
from chalicelib.metrics import Invocation, Metric, carried, count, counted, enter, note
from tests.support import aws


class Counting:
    """An invocation that is the current one inside."""

    def __init__(self) -> None:
        self.invocation = Invocation("api", "r")

    def __enter__(self) -> Invocation:
        self._leave = enter(self.invocation)
        return self.invocation

    def __exit__(self, *_: object) -> None:
        self._leave()


def test_outside_of_an_invocation_nothing_is_counted_and_nothing_breaks() -> None:
    count(Metric.KMS_CALLS)
    note(status=200)
    with Counting() as invocation:
        pass
    assert invocation.read_counts() == {}
    assert invocation.read_fields() == {}


def test_threads_count_for_the_invocation_that_started_them() -> None:
    def work(times: int) -> None:
        for _ in range(times):
            count(Metric.OUTBOUND_CALLS)

    with Counting() as first, ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(carried(work), 500)
        threads.submit(work, 500)  # This one was not asked to.
    assert first.read_counts() == {Metric.OUTBOUND_CALLS: 4000}


def test_a_thread_that_outlives_its_invocation_does_not_count_for_the_next() -> None:
    go_on = threading.Event()

    def work() -> None:
        go_on.wait(20)
        count(Metric.OUTBOUND_CALLS)

    with Counting():
        late = threading.Thread(target=carried(work))
        late.start()
    with Counting() as after:
        go_on.set()
        late.join(20)
    assert after.read_counts() == {}


def test_a_failed_attempt_is_an_attempt_and_a_failure() -> None:
    with Counting() as invocation:
        with counted(Metric.TOOL_CALLS, Metric.TOOL_CALL_FAILURES):
            pass
        with pytest.raises(ValueError, match="no"):  # noqa: SIM117 -- what is counted is inside
            with counted(Metric.TOOL_CALLS, Metric.TOOL_CALL_FAILURES):
                raise ValueError("no")
    assert invocation.read_counts() == {Metric.TOOL_CALLS: 2, Metric.TOOL_CALL_FAILURES: 1}


class Answers:
    """Answers a client's requests, one after the other, where they would be sent."""

    def __init__(self, service: str, *answers: tuple[int, str]) -> None:
        self.client = aws.client(service)
        watch(self.client.meta.events)
        watch(self.client.meta.events)  # Twice is once.
        self.client.meta.events.register(f"before-send.{service}", self._answer)
        self.client.meta.events.register_first(f"needs-retry.{service}", self._go_on)
        self._answers = list(answers)

    def _answer(self, **_: Any) -> AWSResponse:
        status, body = self._answers.pop(0)
        response: Any = AWSResponse("https://aws.example", status, HTTPHeaders(), None)
        response._content = body.encode()
        answer: AWSResponse = response
        return answer

    def _go_on(self, **_: Any) -> int | None:
        """Try again at once, while there are answers."""
        return 0 if self._answers else None


READ = '{"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.5}}'
WRITTEN = '{"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 3.0}}'
TRANSACTED = (
    '{"ConsumedCapacity": [{"TableName": "t", "CapacityUnits": 6.0, "WriteCapacityUnits": 6.0}, '
    '{"TableName": "u", "CapacityUnits": 4.0, "WriteCapacityUnits": 2.0, "ReadCapacityUnits": 2}]}'
)
CANCELLED = (
    '{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",'
    '"CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError"}]}'
)
KEY = {"PK": {"S": "a"}, "SK": {"S": "b"}}


@pytest.mark.parametrize(
    ("operation", "arguments", "body", "read", "written"),
    [
        ("get_item", {"TableName": "t", "Key": KEY}, READ, 1.5, 0),
        ("put_item", {"TableName": "t", "Item": KEY}, WRITTEN, 0, 3.0),
        (
            "transact_write_items",
            {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY}}]},
            TRANSACTED,
            2.0,
            8.0,
        ),
        ("get_item", {"TableName": "t", "Key": KEY}, "{}", 0, 0),
    ],
)
def test_units_are_those_that_dynamodb_answers(
    local_aws: None, operation: str, arguments: Any, body: str, read: float, written: float
) -> None:
    answers = Answers("dynamodb", (200, body))
    with Counting() as invocation:
        getattr(answers.client, operation)(**arguments)
    counts = invocation.read_counts()
    assert counts[Metric.DYNAMODB_CALLS] == 1
    assert counts.get(Metric.READ_UNITS, 0) == read
    assert counts.get(Metric.WRITE_UNITS, 0) == written


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "status", "refusal", "metric"),
    [
        (
            "dynamodb",
            "get_item",
            {"TableName": "t", "Key": KEY},
            400,
            '{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}',
            Metric.DYNAMODB_CALLS,
        ),
        (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY}}]},
            400,
            CANCELLED,
            Metric.DYNAMODB_CALLS,
        ),
        (
            "kms",
            "describe_key",
            {"KeyId": "alias/a"},
            400,
            '{"__type": "ThrottlingException"}',
            Metric.KMS_CALLS,
        ),
        ("sqs", "get_queue_url", {"QueueName": "q"}, 429, "{}", Metric.SQS_CALLS),
    ],
)
def test_throttled_answers_are_counted_although_botocore_tries_again(
    local_aws: None,
    service: str,
    operation: str,
    arguments: Any,
    status: int,
    refusal: str,
    metric: Metric,
) -> None:
    answers = Answers(service, (status, refusal), (status, refusal), (200, "{}"))
    with Counting() as invocation:
        getattr(answers.client, operation)(**arguments)
    counts = invocation.read_counts()
    assert counts[metric] == 3
    assert counts[Metric.THROTTLES] == 2


def test_pushes_to_sockets_are_counted() -> None:
    answers = Answers("apigatewaymanagementapi", (200, "{}"))
    with Counting() as invocation:
        answers.client.post_to_connection(ConnectionId="c1=", Data=b"{}")
    assert invocation.read_counts() == {Metric.PUSHES: 1}


def test_another_refusal_is_no_throttling(local_aws: None) -> None:
    answers = Answers("kms", (400, '{"__type": "AccessDeniedException"}'))
    with Counting() as invocation, pytest.raises(answers.client.exceptions.ClientError):
        answers.client.describe_key(KeyId="alias/a")
    assert invocation.read_counts() == {Metric.KMS_CALLS: 1}
