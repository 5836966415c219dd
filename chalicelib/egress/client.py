"""The one door to the outside: every outbound request of the product is made here."""

import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from chalicelib.egress.addresses import AddressPolicy, IPNetwork
from chalicelib.egress.call import (
    Call,
    EgressResponse,
    EgressStream,
    build_headers,
    has_credentials,
)
from chalicelib.egress.deadline import Deadline
from chalicelib.egress.errors import EgressRefusedError, EgressResponseError
from chalicelib.egress.guard import Guard
from chalicelib.egress.probing import NetworkStep, ProbedStep
from chalicelib.egress.redirects import find_redirect
from chalicelib.egress.resolving import Resolver, resolve_with_system
from chalicelib.errors import CiboriumError
from chalicelib.metrics import Metric, count

if TYPE_CHECKING:
    import httpx

MAX_BYTES: Final = 1024 * 1024
BUDGET_SECONDS: Final = 10.0

_MAX_REDIRECTS = 5


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
        call = Call(
            method=method.upper(),
            url=self._guard.parse_url(url),
            headers=build_headers(headers or {}),
            content=content,
            deadline=budget if isinstance(budget, Deadline) else Deadline(budget),
            max_bytes=max_bytes,
            credentials=credentials or has_credentials(headers or {}),
        )
        response = self._send(call)
        try:
            yield EgressStream(response, call)
        finally:
            response.close()

    def probe(self, url: str, *, budget: float = BUDGET_SECONDS) -> list[ProbedStep]:
        """See how far a new connection comes, up to the step that fails; nothing is sent over it.

        Where `transport` replaces the network there is nothing to see: no steps.
        """
        from chalicelib.egress.transport import GuardedTransport

        try:
            parsed = self._guard.parse_url(url)
        except EgressRefusedError as exc:
            return [ProbedStep(NetworkStep.DNS, 0.0, exc)]
        transport = self._get_transport()
        if not isinstance(transport, GuardedTransport):
            return []
        call = Call("GET", parsed, [], None, Deadline(budget), 0, credentials=False)
        probed: list[ProbedStep] = []
        with closing(transport.connect_in_steps(parsed, call.deadline)) as steps:
            for step in NetworkStep:
                started = time.monotonic()
                error: CiboriumError | None = None
                try:
                    with call.errors():
                        next(steps)
                except CiboriumError as exc:
                    error = exc
                probed.append(ProbedStep(step, time.monotonic() - started, error))
                if error is not None:
                    break
        return probed

    def close(self) -> None:
        """Close every connection; a later request opens new ones."""
        if self._transport is not None:
            self._transport.close()

    def _send(self, call: Call) -> "httpx.Response":
        """The first answer that is no redirect."""
        for _ in range(_MAX_REDIRECTS + 1):
            call.check_deadline()
            request = call.build_request()
            count(Metric.OUTBOUND_CALLS)
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
