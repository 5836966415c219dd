"""Names to addresses, within a time limit that the operating system does not offer."""

import socket
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from chalicelib.egress.addresses import IPAddress, parse_address
from chalicelib.egress.errors import EgressConnectionError, EgressTimeoutError

Resolver = Callable[[str], Sequence[str]]
"""From a host name to its addresses, in the order to try; raises OSError when there are none."""


def resolve_with_system(host: str) -> list[str]:
    """Ask the operating system."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(resolver: Resolver, host: str, seconds: float) -> list[IPAddress]:
    """The addresses of a host, at least one.

    Raises:
        EgressConnectionError: the name does not resolve.
        EgressTimeoutError: the resolver did not answer within `seconds`.
    """
    answers: SimpleQueue[Sequence[str] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(host))
        except (OSError, UnicodeError) as exc:  # The codec refuses labels over 63 characters.
            answers.put(exc)

    # getaddrinfo cannot be given a timeout; the thread is left behind, a daemon, so that a slow
    # name server delays neither the request nor the end of the process.
    threading.Thread(target=ask, name="egress-resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise EgressTimeoutError(f"The name {host} was not resolved in time.") from None
    if isinstance(answer, Exception):
        raise EgressConnectionError(f"The name {host} could not be resolved.") from answer
    addresses = [address for text in answer if (address := parse_address(text)) is not None]
    if not addresses or len(addresses) != len(answer):
        raise EgressConnectionError(f"The name {host} has no usable address.")
    return addresses
