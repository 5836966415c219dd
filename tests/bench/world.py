"""A whole deployment in this process, whose requests are looked at one by one."""

import copy
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Chalice
from chalice.local import LambdaContext

from chalicelib import logs
from tests.bench.answers import Answers, in_process_aws, time_one
from tests.support import aws
from tests.support.identity_provider import SETTINGS
from tests.support.journey import World, start_world
from tests.support.units import Consumed, UnitMeter

# Not repeated: a code is good for one callback, and KMS, of which readiness asks, is not watched.
ONCE = frozenset(
    {
        "GET /api/experimental/mcp/servers/{server_id}/oauth2/callback",
        "GET /api/v2/users/oidc/callback",
        "GET /readyz",
    }
)


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


class LastLine(logging.Handler):
    """The log, as a Lambda prints it; only the last line is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JSONFormatter(aws.STAGE))
        self.line = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.line = self.format(record)


@dataclass
class Call:
    """What one request to the API, or one step of a worker, takes.

    Attributes:
        log_line: what was logged of it.
        status: the API's answer's; 0 for a step of a worker.
        body_bytes: how long the answer's body is, before API Gateway compresses it.
        milliseconds: of each timed repetition.
        empty: the same of a request to an empty Chalice app, each made right afterwards.
    """

    aws_calls: list[str]
    consumed: Consumed
    log_line: str
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
            service = client.meta.service_model.service_name
            self._answers.watch(client.meta.events, service)
        self._empty = _empty_app()
        self.log = LastLine()

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
        self._answers.forget()
        self.log.line = ""
        for client in self._clients:
            self._meter.watch(client)
        try:
            done = act()
        finally:
            for client in self._clients:
                self._meter.leave(client)
        return done, Call(self._answers.calls, self._meter.take(), self.log.line)

    def _repeat(self, call: Call, timed: Callable[[], float], runs: int) -> None:
        def both() -> None:
            call.milliseconds.append(timed() * 1000)
            call.empty.append(time_one(self._empty) * 1000)

        self._answers.repeat(both, runs)
        del call.milliseconds[:-runs], call.empty[:-runs]

    def _invoke(self, event: dict[str, Any], status: int) -> float:
        """Seconds that the Lambda's handler takes; it must answer as it did."""
        event, context = copy.deepcopy(event), LambdaContext("api", 1024, 29_000)
        started = time.perf_counter()
        answer = self.app._app(event, context)
        seconds = time.perf_counter() - started
        if answer["statusCode"] != status:
            raise RuntimeError(f"{answer['statusCode']}, where it was {status} the first time")
        return seconds


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
    """A new deployment with empty tables."""
    with in_process_aws():
        bench = Bench(start_world(SETTINGS))
        logs.get_logger().handlers[:] = [bench.log]
        logs.get_logger().setLevel("INFO")
        yield bench
