"""How the sides of a benchmark are timed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.bench.timing import Side, Undo, time_in_turn
from tests.support.loopback import Connection, LoopbackServer, answer


class Bell:
    """A server that answers at once, or with an error, and notes who asked."""

    def __init__(self, name: str, diary: list[str], status: str = "200 OK") -> None:
        self.name = name
        self._diary = diary
        self._status = status
        self.server = LoopbackServer(self._respond)
        self.side = Side(name, self.server.url(""), {"Authorization": "Bearer t"})

    def _respond(self, connection: Connection, request: bytes) -> None:
        self._diary.append(self.name)
        connection.send(answer(self._status, json.dumps({}).encode()))

    def ring(self, client: httpx.Client, _: int) -> None:
        client.get("/").raise_for_status()


@contextmanager
def ringing(*bells: Bell) -> Iterator[None]:
    try:
        yield
    finally:
        for each in bells:
            each.server.close()


def test_the_sides_take_turns_and_keep_their_connections() -> None:
    diary: list[str] = []
    one, two = Bell("one", diary), Bell("two", diary)
    with ringing(one, two):
        timed = time_in_turn([(one.side, one.ring), (two.side, two.ring)], clients=1, attempts=8)
    turn = ["one"] * 4 + ["two"] * 4
    assert diary == turn * 4
    assert [len(each.seconds) for each in timed] == [8, 8]
    assert (one.server.connections, two.server.connections) == (1, 1)


def test_a_failed_attempt_is_counted_and_has_no_time() -> None:
    broken = Bell("broken", [], "500 Internal Server Error")
    with ringing(broken):
        (timings,) = time_in_turn([(broken.side, broken.ring)], clients=8, attempts=16)
    assert timings.seconds == []
    assert len(timings.failures) == 16
    assert "500" in timings.failures[0]
    assert timings.milliseconds(0.5) == "-"


def test_an_answer_that_is_not_what_was_asked_for_is_a_failed_attempt() -> None:
    bell = Bell("bell", [])

    def expect_more(client: httpx.Client, _: int) -> None:
        assert client.get("/").json() == {"tools": []}

    with ringing(bell):
        (timings,) = time_in_turn([(bell.side, expect_more)], clients=1, attempts=4)
    assert (len(timings.seconds), len(timings.failures)) == (0, 4)


@pytest.mark.parametrize("clients", [1, 8])
def test_no_two_clients_share_what_a_number_stands_for(clients: int) -> None:
    numbers: dict[int, list[int]] = {}
    bell = Bell("bell", [])

    def note(client: httpx.Client, number: int) -> None:
        numbers.setdefault(id(client), []).append(number)
        bell.ring(client, number)

    with ringing(bell):
        time_in_turn([(bell.side, note)], clients=clients, attempts=16)
    assert len(numbers) == clients == bell.server.connections
    shares = [{number % clients for number in each} for each in numbers.values()]
    assert sorted(shares, key=min) == [{client} for client in range(clients)]
    assert len(set().union(*numbers.values())) == sum(map(len, numbers.values()))


def test_what_was_done_is_undone_after_everybody_is_done() -> None:
    events: list[str] = []
    bell = Bell("bell", [])

    def do(client: httpx.Client, number: int) -> Undo:
        bell.ring(client, number)
        events.append("done")
        return lambda: events.append("undone")

    with ringing(bell):
        time_in_turn([(bell.side, do)], clients=8, attempts=16)
    assert events == (["done"] * 16 + ["undone"] * 16) * 3
