import gzip
import os
import threading

import pytest

from chalicelib.egress import (
    Egress,
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
)
from chalicelib.version import VERSION
from tests.support.loopback import Connection, always, answer
from tests.unit.egress.conftest import Serve

MEBIBYTE = 1024 * 1024


def test_an_answer_is_returned_whole_whatever_its_status(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer("404 Not Found", b'{"a": [1]}', Content_Type="application/json")))
    response = egress.request("GET", server.url("/x?y=z"))
    assert response.status == 404
    assert response.json() == {"a": [1]}
    assert response.headers["content-type"] == "application/json"
    assert response.url == server.url("/x?y=z")


def test_a_request_carries_our_headers_the_callers_and_the_body(
    serve: Serve, egress: Egress
) -> None:
    server = serve(always(answer()))
    egress.request("post", server.url("/a"), headers={"ACCEPT": "text/x", "X-A": "é"}, content=b"b")
    lines = server.requests[0].split(b"\r\n")
    assert lines[0] == b"POST /a HTTP/1.1"
    assert sorted(lines[1:-2]) == [
        b"Content-Length: 1",
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"accept-encoding: identity",
        b"accept: text/x",
        f"user-agent: Ciborium/{VERSION}".encode(),
        b"x-a: \xe9",
    ]
    assert lines[-1] == b"b"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Key", "sentinel\r\nHost: elsewhere"),
        ("X-Key", "sentinel\n"),
        ("X-Key", "sentinel\x00"),
        ("X-Key\n", "sentinel"),
        ("X-Key", "sentinel→"),
        ("X Key", "sentinel"),
        ("", "sentinel"),
        ("Host", "sentinel"),
        ("Transfer-Encoding", "sentinel"),
        ("accept-encoding", "sentinel"),
    ],
)
def test_headers_that_must_not_be_sent_are_refused_without_telling_their_value(
    egress: Egress, name: str, value: str
) -> None:
    with pytest.raises(EgressRefusedError) as caught:
        egress.request("GET", "http://127.0.0.1:9/", headers={name: value})
    assert "sentinel" not in str(caught.value)


def test_cookies_are_not_kept(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer(Set_Cookie="session=1; Path=/")))
    egress.request("GET", server.url())
    egress.request("GET", server.url())
    assert b"cookie" not in server.requests[1].lower()


@pytest.mark.rule(52)
def test_proxies_of_the_environment_are_not_used(
    serve: Serve, egress: Egress, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(always(answer(body=b"proxy")))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
    monkeypatch.delenv("no_proxy", raising=False)
    assert "http_proxy" in os.environ
    server = serve(always(answer(body=b"server")))
    assert egress.request("GET", server.url()).body == b"server"


@pytest.mark.rule(52)
def test_a_body_over_the_limit_is_refused_before_it_is_read(serve: Serve, egress: Egress) -> None:
    sent = threading.Event()

    def flood(connection: Connection, request: bytes) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        connection.send(b"x" * 50_000_000)
        sent.set()

    server = serve(flood)
    with pytest.raises(EgressResponseError, match="sent more than 1048576 bytes"):
        egress.request("GET", server.url())
    server.close()
    assert not sent.is_set()


@pytest.mark.rule(52)
def test_a_body_that_does_not_tell_its_length_is_cut_off_at_the_limit(
    serve: Serve, egress: Egress
) -> None:
    sent: list[int] = []

    def flood(connection: Connection, request: bytes) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:  # Until the client closes the connection.
            connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent.append(65536)

    server = serve(flood)
    with pytest.raises(EgressResponseError, match="sent more than 100000 bytes"):
        egress.request("GET", server.url(), max_bytes=100_000)
    server.close()
    assert sum(sent) < 20 * MEBIBYTE


def test_a_body_of_exactly_the_limit_is_accepted(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer(body=b"x" * 1000)))
    assert len(egress.request("GET", server.url(), max_bytes=1000).body) == 1000
    with pytest.raises(EgressResponseError):
        egress.request("GET", server.url(), max_bytes=999)


@pytest.mark.rule(52)
@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
def test_a_compressed_answer_is_refused(serve: Serve, egress: Egress, coding: str) -> None:
    bomb = gzip.compress(b"x" * 20 * MEBIBYTE)
    server = serve(always(answer(body=bomb, Content_Encoding=coding)))
    with pytest.raises(EgressResponseError, match="compresses its answer"):
        egress.request("GET", server.url())


def test_a_compressed_error_keeps_its_status_and_headers(serve: Serve, egress: Egress) -> None:
    server = serve(
        always(
            answer(
                "401 Unauthorized", b"\x1f\x8b", Content_Encoding="gzip", WWW_Authenticate="Bearer"
            )
        )
    )
    response = egress.request("GET", server.url())
    assert (response.status, response.headers["WWW-Authenticate"], response.body) == (
        401,
        "Bearer",
        b"",
    )


@pytest.mark.parametrize(
    "body",
    [b"<html>sentinel", b"", b'{"a":', b'{"a": NaN}', b"[1e999]", b"\xff\xfe", b"[" * 100_000],
)
def test_a_body_that_is_not_json_is_told_without_quoting_it(
    serve: Serve, egress: Egress, body: bytes
) -> None:
    response = egress.request("GET", serve(always(answer(body=body))).url())
    with pytest.raises(EgressResponseError, match="not JSON") as caught:
        response.json()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_answer_shows_neither_its_body_nor_its_headers(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer(body=b"sentinel", X="sentinel")))
    assert repr(egress.request("GET", server.url("/?sentinel"))) == "EgressResponse(status=200)"


def test_a_stream_is_read_while_it_arrives(serve: Serve, egress: Egress) -> None:
    received = threading.Event()

    def respond(connection: Connection, request: bytes) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert received.wait(5)
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")

    with egress.stream("GET", serve(respond).url()) as stream:
        chunks = stream.iter_bytes()
        assert (stream.status, next(chunks)) == (200, b"first")
        received.set()
        assert list(chunks) == [b"second"]


def test_a_stream_that_is_left_early_is_closed(serve: Serve, egress: Egress) -> None:
    broken = threading.Event()

    def respond(connection: Connection, request: bytes) -> None:
        try:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.drip(b"1\r\nx\r\n" * 1000, 0.001)
        except OSError:
            broken.set()
            raise

    with egress.stream("GET", serve(respond).url()) as stream:
        assert next(stream.iter_bytes()) == b"x"
    assert broken.wait(5)


def test_a_stream_that_breaks_off_is_a_connection_error(serve: Serve, egress: Egress) -> None:
    def respond(connection: Connection, request: bytes) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        raise ConnectionAbortedError

    with (
        egress.stream("GET", serve(respond).url()) as stream,
        pytest.raises(EgressConnectionError),
    ):
        list(stream.iter_bytes())


def test_many_threads_may_use_one_egress(serve: Serve, egress: Egress) -> None:
    def echo(connection: Connection, request: bytes) -> None:
        connection.send(answer(body=request.split(b" ")[1]))

    server = serve(echo)
    bodies: list[bytes] = []

    def ask(number: int) -> None:
        for turn in range(10):
            path = f"/{number}/{turn}"
            body = egress.request("GET", server.url(path)).body
            assert body == path.encode()
            bodies.append(body)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(bodies)) == 80
