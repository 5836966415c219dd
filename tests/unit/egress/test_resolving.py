import threading
from collections.abc import Sequence

import pytest

from chalicelib.egress import (
    Egress,
    EgressConnectionError,
    EgressRefusedError,
    EgressTimeoutError,
    Resolver,
)
from tests.support.loopback import always, answer
from tests.unit.egress.conftest import LOCAL, Serve


def answers(*rounds: Sequence[str]) -> Resolver:
    """A name server that answers differently every time; a question too many is an error."""
    remaining = list(rounds)
    return lambda _: remaining.pop(0)


@pytest.mark.rule(55)
def test_the_address_that_was_checked_is_dialled_without_asking_dns_again(serve: Serve) -> None:
    server = serve(always(answer(body=b"here")))
    egress = Egress(LOCAL, resolver=answers(["127.0.0.1"], ["10.0.0.1"]))
    response = egress.request("GET", server.url(host="rebinding.test"))
    egress.close()
    assert response.body == b"here"
    assert f"Host: rebinding.test:{server.port}".encode() in server.requests[0]


@pytest.mark.rule(55)
def test_every_new_connection_is_checked_anew(serve: Serve) -> None:
    server = serve(always(answer(Connection="close")))
    egress = Egress(LOCAL, resolver=answers(["127.0.0.1"], ["10.0.0.1"]))
    egress.request("GET", server.url(host="rebinding.test"))
    with pytest.raises(EgressRefusedError):
        egress.request("GET", server.url(host="rebinding.test"))
    egress.close()
    assert len(server.requests) == 1


@pytest.mark.rule(54, 55)
@pytest.mark.parametrize(
    "private",
    [
        *("10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "240.0.0.1"),  # noqa: S104
        *(
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "fe80::1%1",
            "fd00::1",
        ),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_private_address_among_permitted_ones_refuses_the_name(
    serve: Serve, private: str, scheme: str
) -> None:
    server = serve(always(answer()))
    egress = Egress(LOCAL, resolver=answers(["127.0.0.1", private]))
    with pytest.raises(EgressRefusedError) as caught:
        egress.request("GET", server.url(host="mixed.test", scheme=scheme))
    assert "mixed.test" in caught.value.message
    assert "10.0.0.1" not in caught.value.message
    assert "169.254" not in caught.value.message
    assert server.connections == 0


@pytest.mark.rule(53)
def test_plain_http_to_a_name_with_a_public_address_is_refused() -> None:
    egress = Egress(LOCAL, resolver=answers(["1.1.1.1"]))
    with pytest.raises(EgressRefusedError, match=r"Plain http to public\.test is not permitted"):
        egress.request("GET", "http://public.test/")


def test_the_next_address_is_tried_when_one_does_not_answer(serve: Serve) -> None:
    server = serve(always(answer(body=b"second")))  # Listens on 127.0.0.1 only.
    egress = Egress(LOCAL, resolver=answers(["127.0.0.2", "::1", "127.0.0.1"]))
    assert egress.request("GET", server.url(host="several.test")).body == b"second"
    egress.close()


def test_the_system_resolver_is_asked_by_default(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer(body=b"local")))
    assert egress.request("GET", server.url(host="localhost")).body == b"local"


def test_a_name_that_does_not_resolve_is_a_connection_error() -> None:
    def unknown(host: str) -> list[str]:
        raise OSError("No such host")

    with pytest.raises(EgressConnectionError, match=r"nowhere\.test could not be resolved"):
        Egress(resolver=unknown).request("GET", "https://nowhere.test/")


@pytest.mark.parametrize("addresses", [[], ["not an address"], ["1.1.1.1", "also not"]])
def test_a_name_without_usable_addresses_is_a_connection_error(addresses: list[str]) -> None:
    egress = Egress(resolver=answers(addresses))
    with pytest.raises(EgressConnectionError, match="no usable address"):
        egress.request("GET", "https://odd.test/")


@pytest.mark.rule(52)
def test_a_slow_name_server_does_not_outlast_the_budget() -> None:
    over = threading.Event()

    def slow(host: str) -> list[str]:
        over.wait()
        return ["1.1.1.1"]

    with pytest.raises(EgressTimeoutError, match=r"slow\.test was not resolved in time"):
        Egress(resolver=slow).request("GET", "https://slow.test/", budget=0.1)
    over.set()
