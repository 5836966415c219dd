"""The judge of where outbound requests may go: by URL before anything happens, by address after."""

import re
from typing import TYPE_CHECKING

from chalicelib.egress.addresses import (
    AddressPolicy,
    IPAddress,
    is_unusual_address,
    parse_address,
)
from chalicelib.egress.errors import EgressRefusedError
from chalicelib.egress.resolving import Resolver, resolve

if TYPE_CHECKING:
    import httpx

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,252}[a-z0-9_])?")
_HOW_TO_ALLOW = "an operator may allow it with CIBORIUM_ALLOWED_PRIVATE_CIDRS"


class Guard:
    """Checks URLs and the addresses behind them; lives as long as the container."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver

    def parse_url(self, text: str) -> "httpx.URL":
        """The URL as it will be dialled, if it may be; no name is resolved yet.

        httpx parses it here and for the wire, so that both see the same host.

        Raises:
            EgressRefusedError: it is malformed, not http(s), carries a user, or its host is an
                address that is not permitted.
        """
        import httpx  # Costs 70 ms; most requests that we serve send none.

        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, UnicodeError):
            # Not chained: the parser quotes what it could not parse, secrets included.
            raise EgressRefusedError("The URL is not valid.") from None
        self._check_form(url)
        host = host_of(url)
        address = parse_address("127.0.0.1" if _is_localhost(host) else host)
        if address is not None:
            self._check([address], host, plaintext=url.scheme == "http")
        elif url.scheme == "http" and not self._policy.allows_plaintext:
            raise _plaintext_refused(host)
        return url

    def resolve(self, host: str, *, plaintext: bool, seconds: float) -> list[IPAddress]:
        """The addresses of a host, each of which has been checked and may be dialled.

        Raises:
            EgressRefusedError: at least one of them is not permitted.
            EgressConnectionError, EgressTimeoutError: the name did not resolve.
        """
        address = parse_address(host)
        addresses = [address] if address else resolve(self._resolver, host, seconds)
        self._check(addresses, host, plaintext=plaintext)
        return addresses

    def _check_form(self, url: "httpx.URL") -> None:
        if url.scheme not in {"http", "https"}:
            raise EgressRefusedError("Only http and https URLs are permitted.")
        if url.userinfo:
            raise EgressRefusedError("A URL with a user name or a password is not permitted.")
        host = host_of(url)
        if parse_address(host) is not None:
            return
        if not _HOST_NAME.fullmatch(host):
            raise EgressRefusedError("The URL's host is not a valid name or address.")
        if is_unusual_address(host):
            raise EgressRefusedError(
                f"The host {host} is an address in an unusual notation, which is not permitted."
            )

    def _check(self, addresses: list[IPAddress], host: str, *, plaintext: bool) -> None:
        if self._policy.permits(addresses, plaintext=plaintext):
            return
        if plaintext and self._policy.permits(addresses, plaintext=False):
            raise _plaintext_refused(host)
        # The address itself stays untold: it would map the private network for whoever asks.
        raise EgressRefusedError(
            f"Requests to {host} are not permitted: it is, or resolves to, a private or reserved "
            f"address; {_HOW_TO_ALLOW}."
        )


def host_of(url: "httpx.URL") -> str:
    """The host as it is dialled: lower-case ASCII, without brackets and the root's dot."""
    return url.raw_host.decode("ascii").rstrip(".")


def _is_localhost(host: str) -> bool:
    """Loopback by definition (RFC 6761, section 6.3), so it is refused before it is resolved."""
    return host == "localhost" or host.endswith(".localhost")


def _plaintext_refused(host: str) -> EgressRefusedError:
    return EgressRefusedError(
        f"Plain http to {host} is not permitted, use https; for a server in a private network "
        f"{_HOW_TO_ALLOW}."
    )
