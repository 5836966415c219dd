"""Streamable HTTP: the POSTs to one endpoint that both protocol revisions share."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Protocol

from chalicelib.egress import EgressConnectionError, EgressStream
from chalicelib.egress.sse import EventReader
from chalicelib.errors import CiboriumError
from chalicelib.mcp_client import jsonrpc
from chalicelib.mcp_client.errors import (
    BrokenStreamError,
    MCPProtocolError,
    MCPServerError,
    NotAnEndpointError,
)
from chalicelib.mcp_client.jsonrpc import Message, Responder
from chalicelib.mcp_client.listener import Listener
from chalicelib.mcp_client.outlet import EVENT_STREAM, JSON, Outlet, media_type_of

SESSION_HEADER: Final = "MCP-Session-Id"

_FAREWELL_SECONDS = 2.0
_RETRY_SECONDS = 1.0
_MOST_RESUMPTIONS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The successful answer to one request."""

    result: dict[str, Any]
    session_id: str | None = field(default=None, repr=False)


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

    def listen(self, headers: Mapping[str, str], responder: Responder) -> None:
        """Let the server send its own requests outside of ours, until `close`."""

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
        self._listener: Listener | None = None

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
        with self._outlet.post(message, headers) as answer:
            session_id = answer.headers.get(SESSION_HEADER)
            response = exchange.read_response(answer)
            status = answer.status
        response = response or exchange.resume()
        return Answer(jsonrpc.get_result(response, status, self.host), session_id)

    def notify(self, method: str, headers: Mapping[str, str]) -> None:
        """As `Channel`."""
        with self._outlet.post(jsonrpc.build_notification(method), headers) as answer:
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

    def listen(self, headers: Mapping[str, str], responder: Responder) -> None:
        """As `Channel`."""
        self.close()
        self._listener = Listener(self._outlet, headers, responder)
        self._listener.start()

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None


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
        raise NotAnEndpointError(host)

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
                if self._responder is not None:
                    self._outlet.answer_requests(document, self._headers, self._responder)
        except EgressConnectionError:
            return None
        return None

    def _find_in_body(self, body: bytes, *, strict: bool) -> Message | None:
        try:
            document = jsonrpc.parse(body, self._outlet.host)
        except MCPProtocolError:
            if strict:
                raise
            return None
        return jsonrpc.find_response(document, self.request_id)
