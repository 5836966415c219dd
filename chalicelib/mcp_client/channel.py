"""Streamable HTTP: the POSTs to one endpoint that both protocol revisions share."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from chalicelib.egress import Deadline, Egress, EgressConnectionError, EgressStream
from chalicelib.errors import CiboriumError
from chalicelib.mcp_client import jsonrpc
from chalicelib.mcp_client.errors import (
    BrokenStreamError,
    MCPAuthorizationError,
    MCPProtocolError,
    MCPServerError,
)
from chalicelib.mcp_client.jsonrpc import Message, Responder
from chalicelib.mcp_client.sse import EventReader

SESSION_HEADER: Final = "MCP-Session-Id"
MAX_BYTES: Final = 4 * 1024 * 1024
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"

_FAREWELL_SECONDS = 2.0
_RETRY_SECONDS = 1.0
_MOST_RESUMPTIONS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The successful answer to one request."""

    result: dict[str, Any]
    session_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outlet:
    """What every channel sends through; lives as long as one use of a server.

    Attributes:
        egress: the way out.
        endpoint: the server's URL.
        headers: what authorises one user's requests.
        deadline: for all requests together.
        pause: waits for some seconds.
    """

    egress: Egress
    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    deadline: Deadline
    pause: Callable[[float], object]

    @property
    def host(self) -> str:
        """Where the endpoint is, for messages."""
        return urlsplit(self.endpoint).hostname or ""

    @contextmanager
    def open(
        self,
        method: str,
        headers: Mapping[str, str],
        message: Message | None = None,
        *,
        url: str = "",
        max_bytes: int = MAX_BYTES,
    ) -> Iterator[EgressStream]:
        """Send one HTTP request with the user's headers.

        Raises:
            MCPAuthorizationError: status 401 or 403.
            EgressError kinds: there was no proper HTTP answer in time.
        """
        with self.egress.stream(
            method,
            url or self.endpoint,
            headers={**self.headers, **headers},
            content=None if message is None else jsonrpc.encode(message),
            budget=self.deadline,
            max_bytes=max_bytes,
            credentials=True,
        ) as answer:
            if answer.status in {401, 403}:
                challenges = tuple(answer.headers.get_list("WWW-Authenticate"))
                raise MCPAuthorizationError(self.host, answer.status, challenges)
            yield answer


class Channel(Protocol):
    """Carries JSON-RPC messages to one server and back."""

    host: str

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        responder: Responder | None = None,
    ) -> Answer:
        """Send a request and wait for its answer.

        Args:
            method: the JSON-RPC method.
            params: its parameters.
            headers: in addition to the user's.
            responder: answers the server's own requests meanwhile. Only the older wires have those,
                and only they resume a stream that breaks.

        Raises:
            MCPAuthorizationError: status 401 or 403.
            MCPServerError: another status than 2xx, or a JSON-RPC error.
            MCPProtocolError: the answer is not MCP; `BrokenStreamError` when it never came.
            EgressError kinds: there was no proper HTTP answer in time.
        """

    def notify(self, method: str, headers: Mapping[str, str]) -> None:
        """Send a notification, which has no answer.

        Raises:
            MCPAuthorizationError, MCPServerError, EgressError kinds: as `request`.
        """

    def end_session(self, headers: Mapping[str, str]) -> None:
        """Tell the server that the session is over. It may refuse; nobody waits long for it."""

    def close(self) -> None:
        """Let go of what is open."""


def new_ids() -> Iterator[int]:
    """Request ids: never the same for two tries of one call, in whatever Lambda."""
    return count(secrets.randbelow(2**31) + 1)


class HTTPChannel:
    """Streamable HTTP; implements `Channel`."""

    def __init__(self, outlet: Outlet) -> None:
        self.host = outlet.host
        self._outlet = outlet
        self._ids = new_ids()

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        responder: Responder | None = None,
    ) -> Answer:
        """As `Channel`; the answer is JSON or comes in an event stream, as the server likes."""
        exchange = _Exchange(self._outlet, next(self._ids), headers, responder)
        message = jsonrpc.build_request(exchange.request_id, method, params)
        with self._post(message, headers) as answer:
            session_id = answer.headers.get(SESSION_HEADER)
            response = exchange.read_response(answer)
            status = answer.status
        response = response or exchange.resume()
        return Answer(jsonrpc.get_result(response, status, self.host), session_id)

    def notify(self, method: str, headers: Mapping[str, str]) -> None:
        """As `Channel`."""
        with self._post(jsonrpc.build_notification(method), headers) as answer:
            if not 200 <= answer.status < 300:
                raise MCPServerError(self.host, answer.status)

    def end_session(self, headers: Mapping[str, str]) -> None:
        """As `Channel` (2025-11-25, session management)."""
        outlet = self._outlet
        seconds = min(_FAREWELL_SECONDS, outlet.deadline.remaining())
        if seconds <= 0:
            return
        with suppress(CiboriumError):
            outlet.egress.request(
                "DELETE",
                outlet.endpoint,
                headers={**outlet.headers, **headers},
                budget=seconds,
                credentials=True,
            )

    def close(self) -> None:
        """Nothing: each request stands alone."""

    def _post(self, message: Message, headers: Mapping[str, str]) -> Any:
        return post(self._outlet, message, headers)


def post(outlet: Outlet, message: Message, headers: Mapping[str, str], url: str = "") -> Any:
    """POST one message; both forms of an answer are welcome."""
    accept = {"Accept": f"{JSON}, {EVENT_STREAM}", "Content-Type": JSON}
    return outlet.open("POST", {**accept, **headers}, message, url=url)


class _Exchange:
    """One request on its way to its response, over all the streams that this may take."""

    def __init__(
        self,
        outlet: Outlet,
        request_id: int,
        headers: Mapping[str, str],
        responder: Responder | None,
    ) -> None:
        self.request_id = request_id
        self._outlet = outlet
        self._headers = headers
        self._responder = responder
        self._reader = EventReader()

    def read_response(self, answer: EgressStream) -> Message | None:
        """The JSON-RPC response, or None when its stream ended first."""
        host = self._outlet.host
        media_type = media_type_of(answer)
        if media_type == EVENT_STREAM and answer.status == 200:
            return self._read_stream(answer)
        is_success = 200 <= answer.status < 300
        if media_type == JSON:
            response = self._find_in_body(b"".join(answer.iter_bytes()), strict=is_success)
            if response is not None:
                return response
        if not is_success:
            raise MCPServerError(host, answer.status)
        if media_type == JSON:
            raise MCPProtocolError(host, "sent JSON that does not answer the request")
        raise MCPProtocolError(
            host, "did not answer with JSON or an event stream; is its URL an MCP endpoint?"
        )

    def resume(self) -> Message:
        """Go on where the stream broke (2025-11-25, "Resumability and Redelivery").

        Raises:
            BrokenStreamError: it cannot be resumed, or is broken for good.
        """
        for _ in range(_MOST_RESUMPTIONS):
            wait = self._reader.retry_seconds
            seconds = _RETRY_SECONDS if wait is None else wait
            is_resumable = self._responder is not None and self._reader.last_event_id
            if not is_resumable or seconds >= self._outlet.deadline.remaining():
                break
            self._outlet.pause(seconds)
            headers = {"Accept": EVENT_STREAM, "Last-Event-ID": self._reader.last_event_id}
            with self._outlet.open("GET", {**self._headers, **headers}) as answer:
                if media_type_of(answer) != EVENT_STREAM or answer.status != 200:
                    break
                response = self._read_stream(answer)
            if response is not None:
                return response
        raise BrokenStreamError(self._outlet.host)

    def _read_stream(self, answer: EgressStream) -> Message | None:
        try:
            for event in self._reader.iter_events(answer.iter_bytes()):
                if event.type != "message" or not event.data:
                    continue
                document = jsonrpc.parse(event.data, self._outlet.host)
                response = jsonrpc.find_response(document, self.request_id)
                if response is not None:
                    return response
                self._answer_requests(document)
        except EgressConnectionError:
            return None
        return None

    def _answer_requests(self, document: Any) -> None:
        if self._responder is None:
            return
        for request in jsonrpc.find_requests(document):
            response = jsonrpc.build_response(request, self._responder)
            with post(self._outlet, response, self._headers):
                pass  # 202; a server that does not want the answer says so in its own.

    def _find_in_body(self, body: bytes, *, strict: bool) -> Message | None:
        try:
            document = jsonrpc.parse(body, self._outlet.host)
        except MCPProtocolError:
            if strict:
                raise
            return None
        return jsonrpc.find_response(document, self.request_id)


def media_type_of(answer: EgressStream) -> str:
    """The answer's media type without its parameters, in lower case."""
    return str(answer.headers.get("Content-Type", "")).split(";")[0].strip().lower()
