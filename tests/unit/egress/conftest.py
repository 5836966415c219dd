import ipaddress
import ssl
from collections.abc import Callable, Iterator

import pytest

from chalicelib.egress import Egress
from tests.support.loopback import LoopbackServer, Respond

LOCAL = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

Serve = Callable[..., LoopbackServer]


@pytest.fixture
def egress() -> Iterator[Egress]:
    """As in the local run: loopback is permitted, also by plain http."""
    opened = Egress(LOCAL)
    yield opened
    opened.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers on loopback; they end with the test."""
    servers: list[LoopbackServer] = []

    def start(respond: Respond, ssl_context: ssl.SSLContext | None = None) -> LoopbackServer:
        servers.append(LoopbackServer(respond, ssl_context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
