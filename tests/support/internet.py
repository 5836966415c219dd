"""An internet in this process: hosts by origin, and a record of every request."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

from chalicelib.egress import Egress

Handler = Callable[[httpx.Request], httpx.Response]


class FakeInternet(httpx.BaseTransport):
    """Stands where the network would; a host that nobody added cannot be reached."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._hosts: dict[str, list[Handler]] = {}
        self._pages: dict[str, Handler] = {}

    def add_host(self, origin: str, handler: Handler) -> None:
        """Let a handler answer for an origin; of several, the first that has no 404 to say."""
        self._hosts.setdefault(origin, []).append(handler)

    def add_page(self, url: str, answer: Handler | httpx.Response | dict[str, Any]) -> None:
        """Answer one URL in another way than its host does; a dict is sent as JSON."""
        if isinstance(answer, dict):
            content = json.dumps(answer).encode()
            self._pages[url] = lambda _: httpx.Response(200, content=content)
        elif isinstance(answer, httpx.Response):
            status, headers, body = answer.status_code, answer.headers, answer.content
            self._pages[url] = lambda _: httpx.Response(status, headers=headers, content=body)
        else:
            self._pages[url] = answer

    def forget_page(self, url: str) -> None:
        """Let a URL be answered by its host again."""
        del self._pages[url]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        page = self._pages.get(str(request.url))
        handlers = [page] if page else self._hosts.get(origin, [])
        if not handlers:
            raise httpx.ConnectError(f"nobody answers at {origin}", request=request)
        answers = (handler(request) for handler in handlers)
        return next(
            (answer for answer in answers if answer.status_code != 404), httpx.Response(404)
        )

    def egress(self) -> Egress:
        """The way out into this internet."""
        return Egress(transport=self)

    @property
    def calls(self) -> list[str]:
        """Every request so far as `METHOD url`, in order."""
        return [f"{request.method} {request.url}" for request in self.requests]

    @property
    def urls(self) -> list[str]:
        """The URLs that were read with GET, in order."""
        return [str(request.url) for request in self.requests if request.method == "GET"]


def form_of(request: httpx.Request) -> dict[str, str]:
    """A form's fields.

    Raises:
        ValueError: a field comes twice.
    """
    pairs = parse_qsl(request.content.decode(), keep_blank_values=True, strict_parsing=True)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field comes twice")
    return fields


def json_reply(status: int, body: dict[str, Any], **headers: str) -> httpx.Response:
    """A JSON answer."""
    return httpx.Response(status, headers=headers, content=json.dumps(body).encode())
