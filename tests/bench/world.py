"""A whole deployment in this process, whose AWS answers without work when a request is timed.

The first time, moto answers and what it says is kept where botocore receives it; timed are
repetitions, to which botocore is given the same again where it would send. So our code, PynamoDB,
botocore's signing and parsing are timed, DynamoDB, KMS and SQS are not.
"""

import copy
import io
import logging
import os
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import moto.dynamodb.models
import pytest
from botocore.awsrequest import AWSResponse
from chalice.app import Chalice
from chalice.local import LambdaContext
from moto import mock_aws
from moto.core.models import botocore_stubber

from chalicelib import logs
from tests.support import aws
from tests.support.identity_provider import SETTINGS
from tests.support.journey import World, start_world
from tests.support.units import Consumed, UnitMeter

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
    """AWS's answers to one request of ours, in order: kept, then given again."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, int, dict[str, str], bytes]] = []
        self._next: int | None = None

    def watch(self, client: Any) -> None:
        """Keep, and later give, the answers to this client."""
        service = client.meta.service_model.service_name
        client.meta.events.register(f"before-send.{service}", self._give)
        client.meta.events.register(f"before-parse.{service}", self._keep)

    def start_keeping(self) -> None:
        """Let AWS answer the next request of ours."""
        self._kept.clear()
        self._next = None

    def start_giving(self) -> None:
        """Answer the next request of ours with what was kept."""
        self._next = 0

    @property
    def calls(self) -> list[str]:
        """Which calls were kept, like `dynamodb.GetItem`."""
        return [name for name, *_ in self._kept]

    def _keep(self, event_name: str, response_dict: dict[str, Any], **_: Any) -> None:
        if self._next is None:
            name = event_name.removeprefix("before-parse.")
            headers = dict(response_dict["headers"].items())
            self._kept.append((name, response_dict["status_code"], headers, response_dict["body"]))

    def _give(self, event_name: str, request: Any, **_: Any) -> AWSResponse | None:
        if self._next is None:
            return None
        name, status, headers, body = self._kept[self._next]
        if name != event_name.removeprefix("before-send."):
            raise RuntimeError(f"{event_name} is called, where it was {name} the first time")
        self._next += 1
        return AWSResponse(request.url, status, headers, _Body(body))


class WatchedApp:
    """The Chalice app; it keeps the last event that it was given."""

    def __init__(self, app: Chalice) -> None:
        self._app = app
        self.event: dict[str, Any] = {}

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self.event = copy.deepcopy(event)
        answer: dict[str, Any] = self._app(event, context)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)


@dataclass
class Call:
    """What one request to the API, or one step of a worker, takes.

    Attributes:
        status: the API's answer's; 0 for a step of a worker.
        body_bytes: how long the answer's body is, before API Gateway compresses it.
        milliseconds: of each timed repetition.
        empty: the same of a request to an empty Chalice app, each made right afterwards.
    """

    aws_calls: list[str]
    consumed: Consumed
    status: int = 0
    body_bytes: int = 0
    milliseconds: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)

    @property
    def database_calls(self) -> int:
        """How many calls went to DynamoDB."""
        return sum(each.startswith("dynamodb.") for each in self.aws_calls)


class Bench:
    """A deployment with its internet, and the means to look at single requests."""

    def __init__(self, world: World) -> None:
        self.world, self.deployment = world, world.deployment
        self.app = WatchedApp(self.deployment.app)
        self.deployment.app = self.app  # type: ignore[assignment]
        self._answers, self._meter = Answers(), UnitMeter()
        self._clients = (self.deployment.database.connection.client, self.deployment.sqs)
        for client in self._clients:
            self._answers.watch(client)
        self._empty = _empty_app()

    def look_at(self, request: Callable[[], Any], runs: int) -> Call:
        """Make a request through a client of the deployment once, and repeat it timed.

        What it changes, it changes once: the repetitions reach no storage.
        """
        answer, call = self._keep(request)
        if answer.status_code >= 400:
            raise RuntimeError(f"{answer.status_code}: {answer.text}")
        call.status, call.body_bytes = answer.status_code, len(answer.content)
        event = self.app.event
        self._repeat(call, lambda: self._invoke(event, call.status), runs)
        return call

    def look_at_step(self, step: Callable[[], object]) -> Call:
        """The same for a worker's step, which is not repeated: it is another holder's each time."""
        return self._keep(step)[1]

    def _keep(self, act: Callable[[], Any]) -> tuple[Any, Call]:
        """What comes of an act, whose calls are kept and reckoned."""
        self._answers.start_keeping()
        for client in self._clients:
            self._meter.watch(client)
        try:
            done = act()
        finally:
            for client in self._clients:
                self._meter.leave(client)
        return done, Call(self._answers.calls, self._meter.take())

    def _repeat(self, call: Call, timed: Callable[[], float], runs: int) -> None:
        botocore_stubber.enabled = False  # moto would work even where its answer is not needed.
        try:
            for number in range(_BEFORE + runs if runs else 0):
                self._answers.start_giving()
                seconds, empty = timed(), _time(self._empty)
                if number >= _BEFORE:
                    call.milliseconds.append(seconds * 1000)
                    call.empty.append(empty * 1000)
        finally:
            botocore_stubber.enabled = True
            self._answers.start_keeping()

    def _invoke(self, event: dict[str, Any], status: int) -> float:
        """Seconds that the Lambda's handler takes; it must answer as it did."""
        event, context = copy.deepcopy(event), LambdaContext("api", 1024, 29_000)
        started = time.perf_counter()
        answer = self.app._app(event, context)
        seconds = time.perf_counter() - started
        if answer["statusCode"] != status:
            raise RuntimeError(f"{answer}, where it was {status} the first time")
        return seconds


def _time(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _empty_app() -> Callable[[], object]:
    """A call of a Chalice app whose one route does nothing."""
    app = Chalice(app_name="empty", configure_logs=False)

    @app.route("/")
    def index() -> dict[str, str]:
        return {}

    event: dict[str, Any] = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/", "identity": {}},
        "headers": {},
        "multiValueHeaders": {},
        "pathParameters": {},
        "multiValueQueryStringParameters": None,
        "queryStringParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    return lambda: app(copy.deepcopy(event), LambdaContext("empty", 1024, 29_000))


@contextmanager
def starting() -> Iterator[Bench]:
    """A new deployment with empty tables; its log goes nowhere."""
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open("w") as nowhere:
        for name, value in _CREDENTIALS.items():
            patch.setenv(name, value)
        # moto copies all tables before a transaction, so that it can take it back. Without, a
        # thousand rows take seconds, not minutes; transactions here do not fail.
        quick = types.SimpleNamespace(deepcopy=lambda table: table, copy=copy.copy)
        patch.setattr(moto.dynamodb.models, "copy", quick)
        with mock_aws():
            aws.create_stack()
            bench = Bench(start_world(SETTINGS))
            handler = logging.StreamHandler(nowhere)
            handler.setFormatter(logs.JSONFormatter())
            logs.get_logger().handlers[:] = [handler]
            logs.get_logger().setLevel("INFO")
            yield bench
