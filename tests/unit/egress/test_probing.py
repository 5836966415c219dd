"""Probing a connection: real steps, behind the guard, and nothing is sent."""

import pytest

from chalicelib.egress import Egress, NetworkStep
from tests.support.loopback import always, answer
from tests.unit.egress.conftest import LOCAL, Serve
from tests.unit.egress.test_network import full_listener


def failed(egress: Egress, url: str, budget: float = 2) -> tuple[NetworkStep, str]:
    last = egress.probe(url, budget=budget)[-1]
    assert last.error is not None
    return last.step, last.error.code


def test_a_probe_connects_and_sends_nothing(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer()))
    probed = egress.probe(server.url())
    assert [each.step for each in probed] == list(NetworkStep)
    assert not any(each.error for each in probed)
    egress.request("GET", server.url())
    server.close()  # Every connection has been counted then.
    assert (server.connections, len(server.requests)) == (2, 1)


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://public.test/", "ftp://public.test/", "https://u@a.test/"]
)
def test_what_the_guard_refuses_is_not_probed(url: str) -> None:
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["203.0.113.1"]

    egress = Egress(resolver=resolve)
    assert failed(egress, url) == (NetworkStep.DNS, "address_not_permitted")
    assert asked == []


def test_a_name_with_a_private_address_is_not_dialled(serve: Serve) -> None:
    server = serve(always(answer()))
    egress = Egress(resolver=lambda _: ["127.0.0.1"])
    url = server.url(host="public.test", scheme="https")
    assert failed(egress, url) == (NetworkStep.DNS, "address_not_permitted")
    assert server.connections == 0


def test_a_server_that_accepts_no_connection_costs_no_more_than_the_budget(
    egress: Egress,
) -> None:
    with full_listener() as url:
        assert failed(egress, url, budget=0.3) == (NetworkStep.TCP, "upstream_timeout")


def test_a_server_that_is_silent_in_the_handshake_costs_no_more_than_the_budget(
    serve: Serve,
) -> None:
    server = serve(lambda connection, _: connection.hang())
    egress = Egress(LOCAL)
    url = server.url(scheme="https")
    assert failed(egress, url, budget=0.3) == (NetworkStep.TLS, "upstream_timeout")
    egress.close()
