"""HTTP+SSE (2024-11-05): requests go out in POSTs, all answers come in one event stream."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urljoin, urlsplit

from chalicelib.egress import EgressConnectionError
from chalicelib.egress.sse import Event, EventReader
from chalicelib.mcp_client import jsonrpc
from chalicelib.mcp_client.channel import Answer, new_ids
from chalicelib.mcp_client.errors import BrokenStreamError, MCPProtocolError, MCPServerError
from chalicelib.mcp_client.jsonrpc import Message, Responder
from chalicelib.mcp_client.outlet import EVENT_STREAM, MAX_BYTES, Outlet, media_type_of

_MAX_STREAM_BYTES = 16 * 1024 * 1024


class EventChannel:
    """The deprecated transport; implements `Channel`. Its stream is opened at the first request."""

    def __init__(self, outlet: Outlet) -> None:
        self.host = outlet.host
        self._outlet = outlet
        self._ids = new_ids()
        self._open = ExitStack()
        self._events: Iterator[Event] = iter(())
        self._post_url = ""
        self._pending_bytes = 0

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        responder: Responder | None = None,
    ) -> Answer:
        """As `Channel`."""
        request_id = next(self._ids)
        self._send(jsonrpc.build_request(request_id, method, params), headers)
        while True:
            event = self._next_event()
            if event.type != "message":
                continue
            document = jsonrpc.parse(event.data, self.host)
            response = jsonrpc.find_response(document, request_id)
            if response is not None:
                return Answer(jsonrpc.get_result(response, 200, self.host))
            if responder is not None:
                self._outlet.answer_requests(document, headers, responder, self._post_url)

    def notify(self, method: str, headers: Mapping[str, str]) -> None:
        """As `Channel`."""
        self._send(jsonrpc.build_notification(method), headers)

    def listen(self, headers: Mapping[str, str], responder: Responder) -> None:
        """Nothing: what the server sends comes in the one stream."""

    def end_session(self, headers: Mapping[str, str]) -> None:
        """Nothing: the session ends with the stream."""

    def close(self) -> None:
        """Close the stream."""
        self._open.close()
        self._post_url = ""

    def _send(self, message: Message, headers: Mapping[str, str]) -> None:
        if not self._post_url:
            self._connect()
        with self._outlet.post(message, headers, self._post_url) as answer:
            if not 200 <= answer.status < 300:
                raise MCPServerError(self.host, answer.status)

    def _connect(self) -> None:
        """Open the stream; its first event says where to POST."""
        stream = self._open.enter_context(
            self._outlet.open("GET", {"Accept": EVENT_STREAM}, max_bytes=_MAX_STREAM_BYTES)
        )
        if stream.status != 200:
            raise MCPServerError(self.host, stream.status)
        if media_type_of(stream) != EVENT_STREAM:
            raise MCPProtocolError(
                self.host, "did not answer with an event stream; is it HTTP+SSE?"
            )
        self._events = EventReader().iter_events(self._bounded(stream.iter_bytes()))
        first = self._next_event()
        if first.type != "endpoint":
            raise MCPProtocolError(self.host, "did not begin its stream with an endpoint event")
        self._post_url = self._resolve(first.data)

    def _resolve(self, reference: str) -> str:
        """Where to POST; the user's credentials go there too."""
        endpoint = self._outlet.endpoint
        try:
            url = urljoin(endpoint, reference)
            is_own = urlsplit(url)[:2] == urlsplit(endpoint)[:2]
        except ValueError:
            raise MCPProtocolError(self.host, "names an endpoint that is no URL") from None
        if not is_own:
            raise MCPProtocolError(self.host, "names an endpoint on another origin")
        return url

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """A stream may be long, but no event of it larger than an answer on other transports."""
        for chunk in chunks:
            self._pending_bytes += len(chunk)
            if self._pending_bytes > MAX_BYTES:
                raise MCPProtocolError(self.host, f"sends an event of over {MAX_BYTES} bytes")
            yield chunk

    def _next_event(self) -> Event:
        try:
            event = next(self._events, None)
        except EgressConnectionError as exc:
            raise BrokenStreamError(self.host) from exc
        if event is None:
            raise BrokenStreamError(self.host)
        self._pending_bytes = 0
        return event
