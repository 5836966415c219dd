"""The stream on which an older server sends its own requests, beside those of ours."""

import threading
from collections.abc import Mapping
from contextlib import suppress

from chalicelib.egress.sse import EventReader
from chalicelib.errors import CiboriumError
from chalicelib.mcp_client import jsonrpc
from chalicelib.mcp_client.jsonrpc import Responder
from chalicelib.mcp_client.outlet import EVENT_STREAM, Outlet, media_type_of
from chalicelib.metrics import carried

_GREETING_SECONDS = 1.0
_FAREWELL_SECONDS = 2.0


class Listener:
    """Listens with a GET, in a thread (2025-11-25, "Listening for Messages from the Server").

    A server need not offer it. The thread ends with the stream, and at the latest when the time of
    all requests together is up.
    """

    def __init__(self, outlet: Outlet, headers: Mapping[str, str], responder: Responder) -> None:
        self._outlet = outlet
        self._headers = headers
        self._responder = responder
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=carried(self._run), name="mcp-listener", daemon=True)

    def start(self) -> None:
        """Listen; returns once the server has answered, so that it misses nobody.

        Many servers send no header before their first event, so that is not waited for long.
        """
        self._thread.start()
        self._is_open.wait(min(_GREETING_SECONDS, max(self._outlet.deadline.remaining(), 0)))

    def stop(self) -> None:
        """Wait a little for the end of the stream, which ends with its session."""
        self._thread.join(_FAREWELL_SECONDS)

    def _run(self) -> None:
        try:
            with suppress(CiboriumError):  # It is refused, or breaks: then there are no requests.
                self._listen()
        finally:
            self._is_open.set()

    def _listen(self) -> None:
        with self._outlet.open("GET", {**self._headers, "Accept": EVENT_STREAM}) as answer:
            self._is_open.set()
            if answer.status != 200 or media_type_of(answer) != EVENT_STREAM:
                return
            for event in EventReader().iter_events(answer.iter_bytes()):
                if event.type == "message" and event.data:
                    document = jsonrpc.parse(event.data, self._outlet.host)
                    self._outlet.answer_requests(document, self._headers, self._responder)
