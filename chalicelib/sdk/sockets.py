"""WebSockets that follow chats; they need the extra `stream`, and are done without it."""

import importlib
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlencode

from pydantic import ValidationError

from .chats import StreamMessage
from .reading import read_json
from .version import VERSION

_OPEN_SECONDS = 10.0


class SocketClosedError(Exception):
    """The socket was refused, or is closed, or what comes through it is not Ciborium's."""


class Socket(Protocol):
    """An open socket that follows a chat."""

    def receive(self, seconds: float) -> StreamMessage | None:
        """The next message; None if none comes within so many seconds.

        Raises:
            SocketClosedError: none will come any more.
        """

    def close(self) -> None:
        """Close it; an error is no matter."""


OpenSocket = Callable[[str], Socket]
"""Opens a socket that follows a chat, by its id; raises SocketClosedError."""


def find_opener(stream_url: str, token: str | None) -> OpenSocket | None:
    """What opens sockets at a WebSocket API; None without the package `websocket-client`."""
    try:
        library = importlib.import_module("websocket")
    except ImportError:
        return None
    return lambda chat_id: _ClientSocket(library, stream_url, token, chat_id)


class _ClientSocket:
    """A socket of the package `websocket-client`."""

    def __init__(self, library: Any, stream_url: str, token: str | None, chat_id: str) -> None:
        self._library = library
        headers = {"User-Agent": f"ciborium-sdk/{VERSION}", "Authorization": f"Bearer {token}"}
        try:
            self._socket = library.create_connection(
                f"{stream_url}?{urlencode({'chat_id': chat_id})}",
                timeout=_OPEN_SECONDS,
                header=headers,
                redirect_limit=0,  # The token is for this deployment only.
                suppress_origin=True,
            )
        except (library.WebSocketException, OSError, ValueError) as exc:
            raise SocketClosedError from exc

    def receive(self, seconds: float) -> StreamMessage | None:
        """See `Socket`; some gateways send what is text in binary frames."""
        try:
            self._socket.settimeout(max(seconds, 0.001))
            content = self._socket.recv()
        except self._library.WebSocketTimeoutException:
            return None
        except (self._library.WebSocketException, OSError) as exc:
            raise SocketClosedError from exc
        if not content:
            raise SocketClosedError
        try:
            return read_json(StreamMessage, content)
        except ValidationError as exc:
            raise SocketClosedError from exc

    def close(self) -> None:
        """See `Socket`."""
        try:
            self._socket.close(timeout=1)
        except (self._library.WebSocketException, OSError):
            return
