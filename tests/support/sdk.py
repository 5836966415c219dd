"""Clients of the SDK: of a deployment in this process, and of answers written down beforehand."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from chalicelib.sdk import Client
from chalicelib.sdk.retrying import RetryPolicy
from tests.support.deployment import ADMIN_TOKEN, Deployment, InProcessTransport

Answer = httpx.Response | Exception
TOKEN = "sentinel-token-0123456789abcdef0123456789"


@dataclass
class Scripted:
    """A server that gives these answers, one after the other, and remembers what it was asked."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The next answer."""
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, base_url: str = "https://ciborium.example/prod", **options: Any) -> Client:
        """A client of it that does not sleep and whose jitter is none."""
        return Client(
            base_url,
            TOKEN,
            transport=httpx.MockTransport(self.answer),
            retries=options.pop("retries", RetryPolicy(jitter=lambda: 1.0)),
            sleep=self.waits.append,
            **options,
        )


def sdk_client(deployment: Deployment, token: str | None = ADMIN_TOKEN) -> Client:
    """A client of a deployment in this process."""
    base = deployment.settings.public_url
    return Client(
        base.origin + base.path,
        token,
        transport=InProcessTransport(deployment.app, base.path, deployment.roles),
        sleep=lambda _: None,
    )


@dataclass
class Recorder(httpx.BaseTransport):
    """Passes requests on and remembers which paths were asked for."""

    inner: Callable[[httpx.Request], httpx.Response]
    asked: set[tuple[str, str]] = field(default_factory=set)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.add((request.method, request.url.path))
        return self.inner(request)


def matches(route_path: str, path: str) -> bool:
    """Whether a path is one of a route's."""
    pattern = re.sub(r"\{\w+\}", "[^/]+", route_path)
    return re.fullmatch(pattern, path) is not None
