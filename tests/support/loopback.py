"""Servers on loopback whose every byte a test decides."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

LOOPBACK = "127.0.0.1"


class Connection:
    """One connection that was made to a server, after its first request has been read."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._sock = sock
        self._stopping = stopping

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send byte for byte, with a pause after each, until the other side has had enough."""
        for byte in data:
            if self._stopping.wait(seconds):
                return
            self._sock.sendall(bytes([byte]))

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self._stopping.wait()


Respond = Callable[[Connection, bytes], None]


class LoopbackServer:
    """Answers each request with `respond(connection, request)`, and remembers the requests.

    An OSError in `respond` ends the connection.
    """

    def __init__(self, respond: Respond, ssl_context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._respond = respond
        self._ssl_context = ssl_context
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path: str = "/", *, host: str = LOOPBACK, scheme: str = "http") -> str:
        """An URL of this server."""
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        """Break every connection, and wait for the end of every thread."""
        self._stopping.set()
        for sock in [self._listener, *self._open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        for sock in [self._listener, *self._open]:
            sock.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        self._open.append(sock)
        self.connections += 1
        with suppress(OSError):
            if self._ssl_context is not None:
                sock = self._ssl_context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            while request := _read_request(sock):
                self.requests.append(request)
                self._respond(Connection(sock, self._stopping), request)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """An HTTP response; header names are written with underscores."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(data: bytes) -> Respond:
    """Respond with the same bytes to every request."""
    return lambda connection, _: connection.send(data)


def _read_request(sock: socket.socket) -> bytes:
    """One request with its body, or nothing when the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = sock.recv(65536)
        if not received:
            return b""
        data += received
    head = data.partition(b"\r\n\r\n")[0].lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    while len(data) < len(head) + 4 + length:
        data += sock.recv(65536)
    return data
