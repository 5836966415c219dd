import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chalicelib.egress import Egress, EgressConnectionError, EgressTimeoutError
from chalicelib.egress.addresses import AddressPolicy
from chalicelib.egress.guard import Guard
from chalicelib.egress.transport import GuardedTransport
from tests.support.authority import Authority
from tests.support.loopback import LoopbackServer, always, answer
from tests.unit.egress.conftest import LOCAL, Serve

NAME = "secure.test"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusting(authority: Authority) -> Iterator[Egress]:
    """Trusts the test's authority; every name is on loopback."""
    egress = Egress(LOCAL, resolver=lambda _: ["127.0.0.1"], ssl_context=authority.client_context())
    yield egress
    egress.close()


def https_url(server: LoopbackServer, host: str) -> str:
    return server.url("/x", host=host, scheme="https")


@pytest.mark.rule(55)
def test_the_certificate_the_server_name_and_the_host_are_those_of_the_url(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    names: list[str | None] = []
    context = authority.server_context(NAME)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    server = serve(always(answer(body=b"secret")), context)
    assert trusting.request("GET", https_url(server, NAME)).body == b"secret"
    assert names == [NAME]
    assert f"\r\nHost: {NAME}:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.rule(55)
def test_a_certificate_for_another_name_is_refused(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    server = serve(always(answer()), authority.server_context(NAME))
    with pytest.raises(EgressConnectionError, match=r"other\.test has a TLS certificate that is"):
        trusting.request("GET", https_url(server, "other.test"))
    assert server.requests == []


def test_a_connection_is_not_shared_by_names_with_the_same_address(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    server = serve(always(answer()), authority.server_context(NAME))
    trusting.request("GET", https_url(server, NAME))
    with pytest.raises(EgressConnectionError):
        trusting.request("GET", https_url(server, "other.test"))


def test_a_certificate_of_an_unknown_authority_is_refused(
    serve: Serve, authority: Authority
) -> None:
    server = serve(always(answer()), authority.server_context(NAME))
    egress = Egress(LOCAL, resolver=lambda _: ["127.0.0.1"])
    with pytest.raises(EgressConnectionError, match="TLS certificate that is not trusted"):
        egress.request("GET", https_url(server, NAME))
    egress.close()


def test_a_server_that_is_silent_in_the_handshake_is_cut_off(trusting: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://{NAME}:{listener.getsockname()[1]}/"
        with pytest.raises(EgressTimeoutError):
            trusting.request("GET", url, budget=0.3)


def test_a_server_that_speaks_plain_http_is_a_connection_error(trusting: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.recv(4096)

        greeter = threading.Thread(target=greet)
        greeter.start()
        with pytest.raises(EgressConnectionError, match="could not be spoken to over TLS"):
            trusting.request("GET", f"https://{NAME}:{listener.getsockname()[1]}/", budget=2)
        greeter.join()


@pytest.mark.rule(52)
def test_slow_dripping_inside_tls_does_not_outlast_the_budget(
    serve: Serve, authority: Authority, trusting: Egress
) -> None:
    server = serve(
        lambda connection, _: connection.drip(answer(X="x" * 500), 0.02),
        authority.server_context(NAME),
    )
    with pytest.raises(EgressTimeoutError, match=r"within 0\.4 seconds"):
        trusting.request("GET", https_url(server, NAME), budget=0.4)


def test_a_request_without_a_deadline_does_not_reach_the_network(serve: Serve) -> None:
    server = serve(always(answer()))
    transport = GuardedTransport(Guard(AddressPolicy(LOCAL), lambda _: ["127.0.0.1"]))
    with transport, pytest.raises(TypeError, match="deadline"):
        transport.handle_request(httpx.Request("GET", server.url()))
    assert server.connections == 0
