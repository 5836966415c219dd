"""A whole deployment in this process: the real app and services, moto's AWS, a fake internet."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from botocore.config import Config
from chalice.app import Chalice
from chalice.test import Client as ChaliceClient

from chalicelib import events, logs
from chalicelib.api import API, register
from chalicelib.aws_calls import watch
from chalicelib.bootstrap import Services
from chalicelib.bootstrap.foundation import SOCKETS, limits_of
from chalicelib.config import Settings
from chalicelib.egress import Egress
from chalicelib.mcp_client.credentials import SignInTokens
from chalicelib.mcp_client.service import PATIENCE_SECONDS
from chalicelib.storage import Database
from tests.support import aws, copies
from tests.support.clock import FakeClock
from tests.support.contract import check_answer
from tests.support.roles import Roles
from tests.support.sockets import Sockets

ADMIN_TOKEN = "admin-token-for-tests-0123456789abcdef"
PUBLIC_URL = "https://ciborium.example/prod"
STREAM_URL = "wss://stream.ciborium.example/api"


class InProcessTransport(httpx.BaseTransport):
    """Gives requests to the Chalice app as API Gateway would, below the stage's path.

    Whatever a test is about, the answer must be one that the OpenAPI document tells of.
    """

    def __init__(self, app: Chalice, base_path: str, roles: Roles) -> None:
        self._client = ChaliceClient(app)
        self._base_path = base_path
        self._roles = roles

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().removeprefix(self._base_path)
        with self._roles.acting("api"):
            answer = self._client.http.request(
                request.method,
                path,
                headers=dict(request.headers.items()),
                body=request.read(),
            )
        headers: list[tuple[str, str]] = []
        for name, value in answer.headers.items():
            headers.extend((name, each) for each in _as_list(value))
        response = httpx.Response(answer.status_code, headers=headers, content=answer.body)
        check_answer(request.method, path, response)
        return response


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@dataclass
class Deployment:
    """What a test needs of a deployment."""

    settings: Settings
    services: Services
    app: Chalice
    clock: FakeClock
    egress: Egress
    database: Database
    aws_calls: aws.CallCounter
    aws_clients: tuple[Any, ...]
    sqs: Any
    sockets: Sockets
    roles: Roles
    log_lines: list[str] = field(default_factory=list)

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        """A client of the API, signed in with a token."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        base = self.settings.public_url
        return httpx.Client(
            transport=InProcessTransport(self.app, base.path, self.roles),
            base_url=base.origin + base.path,
            headers=headers,
        )

    def attend(self, event: dict[str, Any]) -> int:
        """Give the WebSocket API's function an event; the status that it answers."""
        with self.roles.acting("follow"):
            answer: dict[str, int] = self.app.handler_map["follow"](event, None)
        return answer["statusCode"]

    def take_step(self, chat_id: str) -> None:
        """Have the turns' function look at a chat once."""
        with self.roles.acting("turns"):
            self.services.turns.handle(chat_id)

    def tick(self) -> None:
        """Have the clock start the reaper."""
        with self.roles.acting("reaper"):
            self.services.turns.wake_stuck()
            self.services.files.remove_leftovers()

    @property
    def admin(self) -> httpx.Client:
        """A client signed in as the first admin."""
        return self.client(ADMIN_TOKEN)

    def new_member(self, username: str = "mara") -> httpx.Client:
        """A client signed in as a new user without roles."""
        return self.client(self.new_token(username))

    def new_token(self, username: str) -> str:
        """The token of a new user without roles."""
        with self.admin as admin:
            user = admin.post(
                "/api/v2/users", json={"username": username, "email": f"{username}@example.com"}
            ).raise_for_status()
            token = admin.post(
                f"/api/v2/users/{user.json()['id']}/keys/tokens", json={}
            ).raise_for_status()
        return str(token.json()["key"])


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.setFormatter(logs.JSONFormatter(aws.STAGE))
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._lines.append(line)
        assert '"masked"' not in line, "a field is not declared, or not of its kind"


def start_deployment(
    transport: httpx.BaseTransport | None = None,
    *,
    egress: Egress | None = None,
    public_url: str = PUBLIC_URL,
    kms_client: Callable[[], Any] | None = None,
    clock: FakeClock | None = None,
    sign_in_tokens: SignInTokens | None = None,
    pause: Callable[[float], object] = lambda _: None,
    listing_patience: float = PATIENCE_SECONDS,
    stopwatch: Callable[[], float] = time.monotonic,
    **environment: str,
) -> Deployment:
    """A deployment over the in-process AWS; `transport` or `egress` is its internet."""
    settings = Settings.from_environment(
        {
            "CIBORIUM_STAGE": aws.STAGE,
            "CIBORIUM_PUBLIC_URL": public_url,
            "CIBORIUM_STREAM_URL": STREAM_URL,
            **environment,
        }
    )
    counter, clock = aws.CallCounter(), clock or FakeClock()
    database = Database(settings.table_name, aws.REGION)
    roles = Roles()
    counter.watch(database.connection.client)
    is_of_the_tests_stage = settings.stage == aws.STAGE  # Which the roles are read for.
    if is_of_the_tests_stage:
        roles.watch(database.connection.client)
    clients = {name: aws.client(name, Config(**limits_of(name))) for name in ("kms", "sqs")}
    for client in clients.values():
        counter.watch(client)
        watch(client.meta.events)
        if is_of_the_tests_stage:
            roles.watch(client)

    sockets = Sockets()
    clients[SOCKETS] = sockets.client()

    def aws_client(service: str) -> Any:
        return kms_client() if kms_client and service == "kms" else clients[service]

    egress = egress or Egress(settings.allowed_private_cidrs, transport=transport)
    services = Services(
        settings,
        database=database,
        aws_client=aws_client,
        egress=egress,
        sign_in_tokens=sign_in_tokens,
        clock=clock,
        pause=pause,
        listing_patience=listing_patience,
        stopwatch=stopwatch,
    )
    app = API(app_name="ciborium", configure_logs=False)
    register(app, lambda: services)
    events.register(app, lambda: services)
    found = partial(_found, services)
    copies.have_rows(found, settings.stage, clock.now, frozenset(environment.items()))
    deployment = Deployment(
        settings,
        services,
        app,
        clock,
        egress,
        database,
        counter,
        (database.connection.client, clients["kms"], clients["sqs"]),
        clients["sqs"],
        sockets,
        roles,
    )
    handler = _Lines(deployment.log_lines)
    logs.get_logger().handlers[:] = [handler]
    logs.get_logger().setLevel("DEBUG")
    return deployment


def _found(services: Services) -> None:
    owner = services.identity.ensure_first_owner(ADMIN_TOKEN)
    services.organizations.ensure_default(owner)


def error_of(response: httpx.Response) -> tuple[int, str]:
    """An error's status and code, after seeing that the body has the one shape."""
    body = json.loads(response.text)
    assert {"message", "code", "request_id"} <= body.keys(), body
    return response.status_code, body["code"]
