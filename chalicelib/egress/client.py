"""The one door to the outside: every outbound request of the product is made here."""

import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.egress.addresses import AddressPolicy, IPNetwork
from chalicelib.egress.deadline import Deadline
from chalicelib.egress.errors import (
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.egress.guard import Guard, host_of
from chalicelib.egress.redirects import find_redirect
from chalicelib.egress.resolving import Resolver, resolve_with_system
from chalicelib.errors import CiboriumError
from chalicelib.version import VERSION

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 1024 * 1024
BUDGET_SECONDS = 10.0

_MAX_REDIRECTS = 5
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
# What HTTP itself says with headers is not for callers to say.
_OUR_HEADERS = frozenset(
    (
        *("accept-encoding", "connection", "content-length", "host", "te", "trailer"),
        *("transfer-encoding", "upgrade", "user-agent"),
    )
)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class EgressResponse:
    """A whole answer. `url` is where it came from, after redirects."""

    status: int
    headers: "httpx.Headers" = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            EgressResponseError: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            # Not chained: the decoder's error holds the whole document.
            raise EgressResponseError("The server's answer is not JSON.") from None


class EgressStream:
    """An answer whose body is still under way; only valid inside `Egress.stream`."""

    def __init__(self, response: "httpx.Response", call: "_Call") -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.url = str(call.url)
        self._response = response
        self._call = call

    def iter_bytes(self) -> Iterator[bytes]:
        """The body, piece by piece as it arrives.

        Raises:
            EgressResponseError: the body is compressed, or grows over the limit.
            EgressTimeoutError, EgressConnectionError: the server stopped sending.
        """
        call = self._call
        if not self._is_readable():
            return
        if _content_length(self.headers) > call.max_bytes:
            raise call.too_large()
        received = 0
        with call.errors():
            # Not iter_bytes(), which would decompress whatever the server claims to send.
            for chunk in self._response.stream:  # type: ignore[union-attr]
                received += len(chunk)
                if received > call.max_bytes:
                    raise call.too_large()
                call.check_deadline()
                yield chunk

    def _is_readable(self) -> bool:
        """A compressed body is refused: a small one may unpack to gigabytes.

        An error's status and headers are worth having without its body.
        """
        coding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if coding in {"", "identity"}:
            return True
        if self.status < 400:
            raise EgressResponseError(
                f"{self._call.host} compresses its answer although it was asked not to."
            )
        return False


@dataclass(slots=True)
class _Call:
    """One request of a caller, over all of its redirects."""

    method: str
    url: "httpx.URL"
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    content: bytes | None = field(repr=False)
    deadline: Deadline
    max_bytes: int
    credentials: bool

    @property
    def host(self) -> str:
        return host_of(self.url)

    @property
    def is_free(self) -> bool:
        """Whether redirects may lead anywhere that the guard permits."""
        return self.method == "GET" and not self.credentials

    def build_request(self) -> "httpx.Request":
        import httpx

        return httpx.Request(
            self.method,
            self.url,
            headers=self.headers,
            content=self.content,
            extensions={
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), self.deadline)
            },
        )

    def check_deadline(self) -> None:
        if self.deadline.remaining() <= 0:
            raise self.timed_out()

    def timed_out(self) -> EgressTimeoutError:
        return EgressTimeoutError(f"{self.host} did not answer within {self.deadline:.3g} seconds.")

    def too_large(self) -> EgressResponseError:
        return EgressResponseError(f"{self.host} sent more than {self.max_bytes} bytes.")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Failures of the network, in our words: httpx's may quote URLs and headers."""
        import httpx

        try:
            yield
        except httpx.ConnectTimeout as exc:
            raise EgressTimeoutError(f"{self.host} could not be connected to in time.") from exc
        except httpx.TimeoutException as exc:
            raise self.timed_out() from exc
        except httpx.TransportError as exc:
            raise EgressConnectionError(_describe_failure(self.host, exc)) from exc


class Egress:
    """Outbound HTTP behind the guard; lives as long as the container, and is thread-safe.

    Args:
        allowed_private_cidrs: networks that may be reached although they are private, also by
            plain http, which may go nowhere else.
        transport: replaces the network, in tests; URLs are still checked, names not resolved.
        resolver: replaces DNS.
        ssl_context: replaces the trusted certificates.
    """

    def __init__(
        self,
        allowed_private_cidrs: Sequence[IPNetwork] = (),
        *,
        transport: "httpx.BaseTransport | None" = None,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = Guard(AddressPolicy(allowed_private_cidrs), resolver or resolve_with_system)
        self._ssl_context = ssl_context
        self._transport = transport
        self._lock = threading.Lock()

    def check_url(self, url: str) -> None:
        """Refuse a URL that no request may be sent to, as far as can be told without DNS.

        Raises:
            EgressRefusedError: it is malformed, not http(s), carries a user, or its host is an
                address that is not permitted.
        """
        self._guard.parse_url(url)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        budget: float = BUDGET_SECONDS,
        max_bytes: int = MAX_BYTES,
        credentials: bool = False,
    ) -> EgressResponse:
        """Send a request and read the whole answer, whatever its status.

        A GET without credentials follows up to five redirects, each checked like the first URL;
        anything else follows only 307 and 308 within its origin.

        Args:
            method: the HTTP method.
            url: absolute, http or https.
            headers: in addition to ours; `Authorization` and `Cookie` imply `credentials`.
            content: the body.
            budget: seconds for everything together: DNS, connecting, TLS, redirects, the body;
                or a `Deadline` that several requests share.
            max_bytes: the largest body accepted.
            credentials: whether the request carries a secret, in whatever header or in its body.

        Raises:
            EgressRefusedError: the guard does not permit the URL, or where it redirects to.
            EgressConnectionError: the server could not be reached, or broke the connection.
            EgressTimeoutError: the budget was spent.
            EgressResponseError: the answer is too large, compressed, or a redirect not followed.
        """
        with self.stream(
            method,
            url,
            headers=headers,
            content=content,
            budget=budget,
            max_bytes=max_bytes,
            credentials=credentials,
        ) as answer:
            body = b"".join(answer.iter_bytes())
            return EgressResponse(answer.status, answer.headers, body, answer.url)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        budget: float = BUDGET_SECONDS,
        max_bytes: int = MAX_BYTES,
        credentials: bool = False,
    ) -> Iterator[EgressStream]:
        """Like `request`, for a body that is read while it arrives, such as server-sent events.

        Raises:
            EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError:
                as `request`, here or while reading.
        """
        call = _Call(
            method=method.upper(),
            url=self._guard.parse_url(url),
            headers=_build_headers(headers or {}),
            content=content,
            deadline=budget if isinstance(budget, Deadline) else Deadline(budget),
            max_bytes=max_bytes,
            credentials=credentials or _has_credentials(headers or {}),
        )
        response = self._send(call)
        try:
            yield EgressStream(response, call)
        finally:
            response.close()

    def close(self) -> None:
        """Close every connection; a later request opens new ones."""
        if self._transport is not None:
            self._transport.close()

    def _send(self, call: _Call) -> "httpx.Response":
        """The first answer that is no redirect."""
        for _ in range(_MAX_REDIRECTS + 1):
            call.check_deadline()
            request = call.build_request()
            with call.errors():
                response = self._get_transport().handle_request(request)
            try:
                target = find_redirect(request, response, free=call.is_free)
                if target is None:
                    return response
                call.url = self._guard.parse_url(target)
            except CiboriumError:
                response.close()
                raise
            response.close()
        raise EgressResponseError(f"{call.host} redirects more than {_MAX_REDIRECTS} times.")

    def _get_transport(self) -> "httpx.BaseTransport":
        with self._lock:
            if self._transport is None:
                from chalicelib.egress.transport import GuardedTransport

                self._transport = GuardedTransport(self._guard, self._ssl_context)
            return self._transport


def _build_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers as they are sent (RFC 9110, section 5.5).

    Raises:
        EgressRefusedError: one of them cannot be sent; its value stays untold.
    """
    built = {"user-agent": f"Ciborium/{VERSION}", "accept": "*/*", "accept-encoding": "identity"}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS:
            raise EgressRefusedError(f"A request header may not be named {name!r}.")
        if not _HEADER_VALUE.fullmatch(value):
            raise EgressRefusedError(
                f"The value of the header {name} has characters that HTTP does not permit."
            )
        built[name.lower()] = value
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in built.items()]


def _has_credentials(headers: Mapping[str, str]) -> bool:
    return any(name.lower() in _CREDENTIAL_HEADERS for name in headers)


def _content_length(headers: "httpx.Headers") -> int:
    text = headers.get("Content-Length", "0")
    return int(text) if text.isdecimal() else 0


def _describe_failure(host: str, exc: BaseException) -> str:
    """Why a connection failed, in words that tell nothing of the network behind it."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{host} has a TLS certificate that is not trusted, or not for this name."
        if isinstance(cause, ssl.SSLError):
            return f"{host} could not be spoken to over TLS."
        cause = cause.__cause__ or cause.__context__
    return f"{host} could not be reached, or broke the connection."
