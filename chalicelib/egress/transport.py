"""From httpx requests to guarded connections, on httpcore's public connection pools."""

import ssl
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import httpcore
import httpx

from chalicelib.egress.deadline import Deadline
from chalicelib.egress.guard import Guard
from chalicelib.egress.network import GuardedBackend
from chalicelib.egress.probing import NetworkStep

_MAX_CONNECTIONS = 100
_MAX_IDLE_CONNECTIONS = 10
_IDLE_SECONDS = 5.0


class GuardedTransport(httpx.BaseTransport):
    """The network as the guard permits it; lives as long as the container, and is thread-safe.

    Proxies are not used, nor anything else that the environment may say.
    """

    def __init__(self, guard: Guard, ssl_context: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._ssl_context = ssl_context
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the extension `timeout` must hold a `Deadline` for each operation.

        Raises:
            httpx.TransportError: the network failed.
            EgressRefusedError, EgressConnectionError, EgressTimeoutError: the guard intervened.
        """
        url = request.url
        core_request = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        with _httpx_errors():
            answer = self._pool(url.scheme).handle_request(core_request)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def connect_in_steps(
        self, url: httpx.URL, deadline: Deadline
    ) -> Generator[NetworkStep, None, None]:
        """Open a connection of its own, and close it: each step once it has been taken.

        Raises:
            as `handle_request`, in place of the step that failed.
        """
        backend = GuardedBackend(self._guard, plaintext=url.scheme == "http")
        host = url.raw_host.decode("ascii")
        with _httpx_errors():
            addresses = backend.resolve(host, deadline)
        yield NetworkStep.DNS
        with _httpx_errors():
            port = url.port or {"http": 80, "https": 443}[url.scheme]
            stream = backend.dial(addresses, port, deadline)
        try:
            yield NetworkStep.TCP
            if url.scheme == "https":
                with _httpx_errors():
                    name = host.rstrip(".")
                    stream = stream.start_tls(self._get_ssl_context(), name, deadline)
            yield NetworkStep.TLS
        finally:
            stream.close()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        """One pool for each scheme: plain http has the narrower permission."""
        with self._lock:
            if scheme not in self._pools:
                self._pools[scheme] = self._build_pool(scheme)
            return self._pools[scheme]

    def _build_pool(self, scheme: str) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._get_ssl_context() if scheme == "https" else None,
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedBackend(self._guard, plaintext=scheme == "http"),
        )

    def _get_ssl_context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context(trust_env=False)  # Once: it costs 75 ms.
        return self._ssl_context


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from cast(Iterable[bytes], self._answer.stream)

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """As httpx's transports do, tell of failures in httpx's words."""
    try:
        yield
    except httpcore.ConnectTimeout as exc:
        raise httpx.ConnectTimeout("No connection in time.") from exc
    except httpcore.TimeoutException as exc:
        raise httpx.TimeoutException("The deadline has passed.") from exc
    except (httpcore.ProtocolError, httpcore.NetworkError) as exc:
        raise httpx.TransportError("The connection failed.") from exc
