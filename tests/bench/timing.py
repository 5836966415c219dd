"""Timing the same operation on several sides, in turn, so that all have the machine as it is."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx

from tests.bench.figures import percentile

Undo = Callable[[], object]
Operation = Callable[[httpx.Client, int], Undo | None]
"""Does one thing; raises an AssertionError or httpx's errors if it was not done.

The number says which attempt it is; attempts at the same time differ modulo the clients. What comes
back undoes it, and is called when nobody's time is taken.
"""

_UNCOUNTED_TURNS = 2
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Side:
    """One of those that are compared, over HTTP."""

    name: str
    url: str
    headers: dict[str, str] = field(repr=False)

    def client(self) -> httpx.Client:
        """A client with a connection of its own, which is kept while the others have their turn.

        It takes no compressed answers, which only some sides can give.
        """
        return httpx.Client(
            base_url=self.url,
            headers={**self.headers, "Accept-Encoding": "identity"},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=None),
        )


@dataclass
class Timings:
    """How long those attempts took that came off, and why the others did not."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def milliseconds(self, share: float) -> float | str:
        """A percentile; a dash where nothing came off."""
        return 1000 * percentile(self.seconds, share) if self.seconds else "-"


def attempts_a_turn(clients: int) -> int:
    """How many attempts each client makes before the other sides have their turn."""
    return 4 if clients == 1 else 2


class _Runner:
    """The clients of one side, and what they do."""

    def __init__(self, operation: Operation, clients: Sequence[httpx.Client]) -> None:
        self._operation = operation
        self._clients = clients
        self._attempts_a_turn = attempts_a_turn(len(clients))
        self._turn = 0
        self.timings = Timings()

    def take_turn(self, threads: ThreadPoolExecutor) -> None:
        """All clients at the same time, each making one attempt after the other."""
        for undos in list(threads.map(self._attempt, range(len(self._clients)))):
            for undo in undos:
                try:
                    undo()
                except httpx.HTTPError as exc:
                    self.timings.failures.append(f"undoing it: {exc!r}")
        self._turn += 1
        if self._turn == _UNCOUNTED_TURNS:
            self.timings = Timings()

    def _attempt(self, client: int) -> list[Undo]:
        undos = []
        for number in range(self._attempts_a_turn):
            attempt = client + len(self._clients) * (self._attempts_a_turn * self._turn + number)
            started = time.perf_counter()
            try:
                undo = self._operation(self._clients[client], attempt)
            except (httpx.HTTPError, AssertionError) as exc:
                self.timings.failures.append(repr(exc))
                continue
            self.timings.seconds.append(time.perf_counter() - started)
            if undo is not None:
                undos.append(undo)
        return undos


def time_in_turn(
    sides: Sequence[tuple[Side, Operation]], *, clients: int, attempts: int
) -> list[Timings]:
    """Each side's timings of at least so many attempts, by so many clients at the same time.

    The sides take turns, some attempts each. Two turns, in which connections are made and code
    is run for the first time, are not counted.
    """
    with ExitStack() as stack, ThreadPoolExecutor(clients) as threads:
        runners = [
            _Runner(operation, [stack.enter_context(side.client()) for _ in range(clients)])
            for side, operation in sides
        ]
        for _ in range(_UNCOUNTED_TURNS - (-attempts // (clients * attempts_a_turn(clients)))):
            for runner in runners:
                runner.take_turn(threads)
        return [runner.timings for runner in runners]
