"""The connections under the guard: only checked addresses are dialled, within one deadline."""

import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore

from chalicelib.egress.addresses import IPAddress
from chalicelib.egress.deadline import Deadline
from chalicelib.egress.guard import Guard

_CONNECT_SECONDS = 5.0


class GuardedBackend(httpcore.NetworkBackend):
    """Dials the very addresses that the guard has checked, which leaves no room for rebinding."""

    def __init__(self, guard: Guard, *, plaintext: bool) -> None:
        self._guard = guard
        self._plaintext = plaintext
        self._dialler = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - the interface is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Resolve, check, and connect to the first address that answers.

        Raises:
            EgressRefusedError, EgressConnectionError, EgressTimeoutError: as `Guard.resolve`.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address answered.
        """
        return self.dial(self.resolve(host, timeout), port, timeout)

    def resolve(self, host: str, timeout: float | None) -> list[IPAddress]:
        """The addresses of a host, all checked.

        Raises:
            EgressRefusedError, EgressConnectionError, EgressTimeoutError: as `Guard.resolve`.
        """
        seconds = _remaining(timeout, httpcore.ConnectTimeout)
        return self._guard.resolve(host.rstrip("."), plaintext=self._plaintext, seconds=seconds)

    def dial(
        self, addresses: list[IPAddress], port: int, timeout: float | None
    ) -> httpcore.NetworkStream:
        """Connect to the first of checked addresses that answers.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: no address answered.
        """
        connect = Deadline(min(_CONNECT_SECONDS, _remaining(timeout, httpcore.ConnectTimeout)))
        for tried, address in enumerate(addresses[:-1]):
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._dial(address, port, connect, share=len(addresses) - tried)
        return self._dial(addresses[-1], port, connect, share=1)

    def _dial(
        self, address: IPAddress, port: int, connect: Deadline, *, share: int
    ) -> httpcore.NetworkStream:
        """Each address gets its share of the time, so that a dead first one leaves some."""
        seconds = _remaining(connect, httpcore.ConnectTimeout) / share
        stream = self._dialler.connect_tcp(str(address), port, timeout=seconds)
        return DeadlineStream(stream)


class DeadlineStream(httpcore.NetworkStream):
    """A connection on which every read and write gets only what is left of the request's budget."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`, empty at the end."""
        return self._stream.read(max_bytes, _remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of `buffer`; a receiver that takes it in crumbs runs into the deadline as well."""
        sock = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        try:
            while rest:
                sock.settimeout(_remaining(timeout, httpcore.WriteTimeout))
                rest = rest[sock.send(rest) :]
        except TimeoutError as exc:
            raise httpcore.WriteTimeout from exc
        except OSError as exc:
            raise httpcore.WriteError from exc

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection under TLS; the certificate is checked against the URL's host."""
        seconds = _remaining(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of a connection, such as `is_readable`."""
        return self._stream.get_extra_info(info)


def _remaining(timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
    if not isinstance(timeout, Deadline):
        raise TypeError("Every operation on the network must carry the request's deadline.")
    seconds = timeout.remaining()
    if seconds <= 0:
        raise error
    return seconds
