"""AWS that fails on demand: between botocore and the in-process AWS, where the network would be.

Faults are what botocore's HTTP session raises or a service answers, so that everything above it,
retries and limits included, is the real thing. Nobody sleeps: the time that would pass is counted.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    ReadTimeoutError,
)
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import ExponentialBackoff
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import dynamodb_backends

from tests.support import aws

COUNTERS = frozenset({"messages", "input_tokens", "output_tokens", "cost_micros"})
Answer = tuple[int, dict[str, str], bytes]
Pass = Callable[[], Answer]
_THROTTLED = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "kms": "ThrottlingException",
    "sqs": "ThrottlingException",
}
_SECONDS_BEFORE_A_RETRY = 1.0  # More than botocore waits on average.


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with a request.

    Attributes:
        name: for people.
        happen: given the request, and what lets it through, gives the answer or raises.
        takes_effect: whether the service has done what it was asked for nevertheless.
        waits: for which of its limits the client waits in vain: connect, read, or none.
    """

    name: str
    happen: Callable[[AWSPreparedRequest, Pass], Answer]
    takes_effect: bool = False
    waits: str = ""


def _throttle(request: AWSPreparedRequest, _: Pass) -> Answer:
    return _refusal(400, _THROTTLED[service_of(request)])


def _fail(request: AWSPreparedRequest, _: Pass) -> Answer:
    return _refusal(500, "InternalServerError")


def _never_connect(request: AWSPreparedRequest, _: Pass) -> Answer:
    raise ConnectTimeoutError(endpoint_url=request.url)


def _reset(request: AWSPreparedRequest, _: Pass) -> Answer:
    raise ConnectionClosedError(endpoint_url=request.url)


def _fall_silent(request: AWSPreparedRequest, _: Pass) -> Answer:
    raise ReadTimeoutError(endpoint_url=request.url)


def _lose_answer(request: AWSPreparedRequest, let_through: Pass) -> Answer:
    let_through()
    raise ReadTimeoutError(endpoint_url=request.url)


def _cut_answer(request: AWSPreparedRequest, let_through: Pass) -> Answer:
    let_through()
    raise ConnectionClosedError(endpoint_url=request.url)


def _answer_500(request: AWSPreparedRequest, let_through: Pass) -> Answer:
    let_through()
    return _refusal(500, "InternalServerError")


THROTTLE = Fault("throttle", _throttle)
ERROR_500 = Fault("500", _fail)
UNREACHABLE = Fault("unreachable", _never_connect, waits="connect")
RESET = Fault("reset", _reset)
SILENT = Fault("silent", _fall_silent, waits="read")
LOST_ANSWER = Fault("answer lost", _lose_answer, takes_effect=True, waits="read")
CUT_ANSWER = Fault("answer cut", _cut_answer, takes_effect=True)
DONE_BUT_500 = Fault("done, but 500", _answer_500, takes_effect=True)
FOR_GOOD = range(1000)
WITHOUT_EFFECT = (THROTTLE, ERROR_500, UNREACHABLE, RESET, SILENT)
WITH_EFFECT = (LOST_ANSWER, CUT_ANSWER, DONE_BUT_500)


def service_of(request: AWSPreparedRequest) -> str:
    """The service that a request is for."""
    return str(request.url).split("//")[1].split(".")[0]


def _text_of(request: AWSPreparedRequest) -> str | bytes:
    body = request.body
    assert isinstance(body, str | bytes)
    return body


def operation_of(request: AWSPreparedRequest) -> str:
    """The operation that a request asks for."""
    target = request.headers["X-Amz-Target"]
    name = target.decode() if isinstance(target, bytes) else str(target)
    return name.rpartition(".")[2]


def only(fault: Fault, operation: str, at: range = FOR_GOOD) -> Fault:
    """The fault, but only with one operation, and only at some attempts of it, from 0 on."""
    numbers = itertools.count()

    def happen(request: AWSPreparedRequest, let_through: Pass) -> Answer:
        if operation_of(request) == operation and next(numbers) in at:
            return fault.happen(request, let_through)
        return let_through()

    return replace(fault, happen=happen)


def meanwhile(act: Callable[[], object]) -> Fault:
    """Somebody else does something right before a request arrives, which then does."""

    def happen(_: AWSPreparedRequest, let_through: Pass) -> Answer:
        act()
        return let_through()

    return Fault("meanwhile", happen, takes_effect=True)


@dataclass
class Wire:
    """What botocore's requests go through.

    Attributes:
        attempts: what has been sent since it was armed, as service and operation.
        seconds: how long clients have waited: for answers that did not come, and before retries.
        slow: how long each answer takes.
        limits: the connect and the read timeout of each service's client.
    """

    attempts: list[str] = field(default_factory=list)
    seconds: float = 0.0
    slow: float = 0.0
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    _fault: Fault | None = None
    _at: range = range(0)
    _services: frozenset[str] = frozenset()
    _answered: dict[str, Answer] = field(default_factory=dict)

    def watch(self, *clients: Any) -> None:
        """Learn the limits of botocore clients."""
        for client in clients:
            config, name = client.meta.config, client.meta.service_model.service_name
            self.limits[name] = (config.connect_timeout, config.read_timeout)

    @contextmanager
    def armed(
        self, fault: Fault | None = None, at: range = range(0), *services: str
    ) -> Iterator["Wire"]:
        """Count attempts meanwhile, and have a fault at some, if they are for one of the services.

        The numbers start with 0; no services are all services.
        """
        self.attempts, self.seconds = [], 0.0
        self._fault, self._at, self._services = fault, at, frozenset(services)
        try:
            yield self
        finally:
            self._fault, self._at = None, range(0)

    def now(self) -> float:
        """A stopwatch that runs while somebody waits for AWS."""
        return self.seconds

    def handle(self, request: AWSPreparedRequest, let_through: Pass) -> Answer:
        """Answer a request, or not."""
        service = service_of(request)
        number = len(self.attempts)
        self.attempts.append(f"{service}.{operation_of(request)}")
        is_meant = not self._services or service in self._services
        if self._fault is None or number not in self._at or not is_meant:
            self.seconds += self.slow
            return self._once(request, let_through)
        connect, read = self.limits.get(service, (0.0, 0.0))
        self.seconds += {"connect": connect, "read": read}.get(self._fault.waits, 0.0)
        return self._fault.happen(request, lambda: self._once(request, let_through))

    def _once(self, request: AWSPreparedRequest, let_through: Pass) -> Answer:
        """Answer a transaction that comes again as before; moto does not know request tokens.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        if operation_of(request) != "TransactWriteItems":
            return let_through()
        token = json.loads(_text_of(request))["ClientRequestToken"]
        if token not in self._answered:
            answer = let_through()
            if answer[0] != 200:
                return answer
            self._answered[token] = answer
        return self._answered[token]


def lay_wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A wire that all requests to the in-process AWS go through from now on."""
    wire, process_request = Wire(), BotocoreStubber.process_request

    def process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Answer:
        def let_through() -> Answer:
            answer = process_request(stubber, request)
            assert answer is not None
            status, headers, body = answer
            return status, dict(headers), body if isinstance(body, bytes) else body.encode()

        return wire.handle(request, let_through)

    def wait_in_mind(_: ExponentialBackoff, __: Any) -> float:
        wire.seconds += _SECONDS_BEFORE_A_RETRY
        return 0.0

    monkeypatch.setattr(BotocoreStubber, "process_request", process)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", wait_in_mind)
    # One outage after the other would use up what a client may retry; real ones have breaks.
    monkeypatch.setattr(RetryQuota, "acquire", lambda *_: True)
    return wire


def fingerprint() -> Counter[str]:
    """How many items of which kind lie in the tables, and what they count up to."""
    counted: Counter[str] = Counter()
    tables = dynamodb_backends["123456789012"][aws.REGION].tables
    for name, table in tables.items():
        short = name.removeprefix(f"ciborium-{aws.STAGE}-")
        for partition, items in table.items.items():
            for sort, item in items.items():
                kind = f"{short}: {_kind(partition)} / {_kind(sort)}"
                counted[kind] += 1
                for counter in COUNTERS & item.attrs.keys():
                    counted[f"{kind} {counter}"] += int(item.attrs[counter].value)
    return counted


def _kind(key: Any) -> str:
    """The letters that a key begins with; of an id, none."""
    text = str(key.value)
    prefix = text.partition("#")[0]
    return prefix if prefix.isalpha() else "…"


def _refusal(status: int, code: str) -> Answer:
    body = {"__type": f"com.amazonaws#{code}", "message": "sentinel text of AWS"}
    headers = {"x-amzn-errortype": code, "Content-Type": "application/x-amz-json-1.0"}
    return status, headers, json.dumps(body).encode()
