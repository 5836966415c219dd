"""One outbound call: what is sent, what comes back, and how its failures are told."""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.egress.deadline import Deadline
from chalicelib.egress.errors import (
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.egress.guard import host_of
from chalicelib.egress.strict_json import parse_json
from chalicelib.version import VERSION

if TYPE_CHECKING:
    import httpx

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
            return parse_json(self.body)
        except ValueError:
            raise EgressResponseError("The server's answer is not JSON.") from None


class EgressStream:
    """An answer whose body is still under way; only valid inside `Egress.stream`."""

    def __init__(self, response: "httpx.Response", call: "Call") -> None:
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
class Call:
    """One request of a caller, over all of its redirects."""

    method: str
    url: "httpx.URL" = field(repr=False)
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    content: bytes | None = field(repr=False)
    deadline: Deadline
    max_bytes: int
    credentials: bool

    @property
    def host(self) -> str:
        """Where the call is now, for messages."""
        return host_of(self.url)

    @property
    def is_free(self) -> bool:
        """Whether redirects may lead anywhere that the guard permits."""
        return self.method == "GET" and not self.credentials

    def build_request(self) -> "httpx.Request":
        """The request to where the call is now; the deadline binds each of its operations."""
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
        """Stop here once the budget is spent."""
        if self.deadline.remaining() <= 0:
            raise self.timed_out()

    def timed_out(self) -> EgressTimeoutError:
        """The error of a budget that is spent."""
        return EgressTimeoutError(f"{self.host} did not answer within {self.deadline:.3g} seconds.")

    def too_large(self) -> EgressResponseError:
        """The error of a body over the limit."""
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


def build_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
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


def has_credentials(headers: Mapping[str, str]) -> bool:
    """Whether headers hold what must not leave its origin, as far as their names tell."""
    return any(name.lower() in _CREDENTIAL_HEADERS for name in headers)


def _content_length(headers: "httpx.Headers") -> int:
    text = headers.get("Content-Length", "0")
    return int(text) if text.isdecimal() else 0


def _describe_certificate(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with a certificate, by OpenSSL's X509_V_ERR codes."""
    return {
        9: "is not valid yet",
        10: "has expired",
        62: "is for another name",
        64: "is for another address",
    }.get(error.verify_code, "is not trusted")


def _describe_failure(host: str, exc: BaseException) -> str:
    """Why a connection failed, in words that tell nothing of the network behind it."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{host} has a TLS certificate that {_describe_certificate(cause)}."
        if isinstance(cause, ssl.SSLError):
            return f"{host} could not be spoken to over TLS."
        cause = cause.__cause__ or cause.__context__
    return f"{host} could not be reached, or broke the connection."
