import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from chalicelib.egress import (
    Deadline,
    Egress,
    EgressConnectionError,
    EgressTimeoutError,
    deadline,
    network,
)
from tests.support.loopback import Connection, always, answer
from tests.unit.egress.conftest import LOCAL, Serve

BUDGET = 0.3
PATIENCE = 1.5


@contextmanager
def full_listener() -> Iterator[str]:
    """The URL of a server that accepts no connection: Linux drops them once its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/"
        for each in waiting:
            each.close()


def assert_cut_off(egress: Egress, url: str, content: bytes | None = None) -> None:
    started = time.monotonic()
    with pytest.raises(EgressTimeoutError, match=r"did not answer within 0\.3 seconds"):
        egress.request("POST", url, content=content, budget=BUDGET)
    assert time.monotonic() - started < PATIENCE


@pytest.mark.rule(52)
def test_a_server_that_never_answers_is_cut_off(serve: Serve, egress: Egress) -> None:
    server = serve(lambda connection, _: connection.hang())
    assert_cut_off(egress, server.url())


@pytest.mark.rule(52)
def test_headers_that_come_byte_by_byte_do_not_outlast_the_budget(
    serve: Serve, egress: Egress
) -> None:
    server = serve(lambda connection, _: connection.drip(answer(X="x" * 1000), 0.02))
    assert_cut_off(egress, server.url())


@pytest.mark.rule(52)
def test_a_body_that_comes_byte_by_byte_does_not_outlast_the_budget(
    serve: Serve, egress: Egress
) -> None:
    def drip(connection: Connection, request: bytes) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        connection.drip(b"x" * 1000, 0.02)

    assert_cut_off(egress, serve(drip).url())


@pytest.mark.rule(52)
def test_interim_answers_without_end_do_not_outlast_the_budget(
    serve: Serve, egress: Egress
) -> None:
    server = serve(
        lambda connection, _: connection.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99, 0.005)
    )
    assert_cut_off(egress, server.url())


@pytest.mark.rule(52)
def test_a_server_that_does_not_read_is_cut_off(egress: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert_cut_off(egress, url, content=b"x" * 50_000_000)


@pytest.mark.rule(52)
def test_a_server_that_does_not_accept_connections_is_cut_off(egress: Egress) -> None:
    started = time.monotonic()
    with full_listener() as url, pytest.raises(EgressTimeoutError, match="connected to in time"):
        egress.request("GET", url, budget=BUDGET)
    assert time.monotonic() - started < PATIENCE


@pytest.mark.rule(52)
def test_a_connection_has_less_time_than_the_whole_request(
    egress: Egress, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert network._CONNECT_SECONDS == 5
    monkeypatch.setattr(network, "_CONNECT_SECONDS", BUDGET)
    started = time.monotonic()
    with full_listener() as url, pytest.raises(EgressTimeoutError, match="connected to in time"):
        egress.request("GET", url)
    assert time.monotonic() - started < PATIENCE


def test_a_server_that_breaks_off_while_it_is_sent_to_is_a_connection_error(
    egress: Egress,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            sock, _ = listener.accept()
            sock.recv(1)
            # Closing without linger resets the connection.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

        breaker = threading.Thread(target=break_off)
        breaker.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(EgressConnectionError):
            egress.request("POST", url, content=b"x" * 50_000_000)
        breaker.join()


def test_the_time_that_the_name_server_took_is_not_given_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def resolve_late(_: str) -> list[str]:
        clock.now = 10.0
        return ["127.0.0.1"]

    server = serve(always(answer()))
    egress = Egress(LOCAL, resolver=resolve_late)
    with pytest.raises(EgressTimeoutError, match=r"late\.test could not be connected to in time"):
        egress.request("GET", server.url(host="late.test"))
    assert server.connections == 0


def test_several_requests_may_share_one_deadline(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer()))
    shared = Deadline(BUDGET)
    egress.request("GET", server.url(), budget=shared)
    silent = serve(lambda connection, _: connection.hang())
    with pytest.raises(EgressTimeoutError):
        egress.request("GET", silent.url(), budget=shared)
    with pytest.raises(EgressTimeoutError, match=r"did not answer within 0\.3 seconds"):
        egress.request("GET", server.url(), budget=shared)
    assert len(server.requests) == 1


def test_a_closed_port_is_a_connection_error_that_tells_no_more(egress: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(EgressConnectionError) as caught:
        egress.request("GET", f"http://127.0.0.1:{port}/secret?key=sentinel")
    assert caught.value.message == "127.0.0.1 could not be reached, or broke the connection."


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
def test_an_answer_that_is_not_http_is_a_connection_error(
    serve: Serve, egress: Egress, nonsense: bytes
) -> None:
    def respond(connection: Connection, request: bytes) -> None:
        connection.send(nonsense)
        raise ConnectionAbortedError

    server = serve(respond)
    with pytest.raises(EgressConnectionError):
        egress.request("GET", server.url(), budget=2)


def test_connections_are_used_again(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer()))
    for _ in range(3):
        egress.request("GET", server.url())
    assert (len(server.requests), server.connections) == (3, 1)


def test_an_egress_that_was_closed_opens_new_connections(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer()))
    egress.request("GET", server.url())
    egress.close()
    egress.request("GET", server.url())
    assert server.connections == 2
