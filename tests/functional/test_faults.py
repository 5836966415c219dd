"""AWS that throttles, times out, fails or loses answers, at each call of the main journeys in turn.

Each round sends a journey's request while AWS fails, and sends it again as its sender would. Then
the tables must hold what one undisturbed request leaves, no more and no less.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.fault_journeys import JOURNEYS, Send, Stage, open_stage
from tests.support.faults import (
    WITH_EFFECT,
    WITHOUT_EFFECT,
    Fault,
    Wire,
    fingerprint,
    lay_wire,
)
from tests.support.identity_provider import SETTINGS
from tests.support.journey import start_world
from tests.support.turns import talking

FOR_GOOD = 1000
CLEAR_ERRORS = {"storage_unavailable", "encryption_unavailable"}
ATTEMPTS = {"dynamodb": 3, "kms": 3, "sqs": 2}


@pytest.fixture
def wire(local_aws: None, monkeypatch: pytest.MonkeyPatch) -> Wire:
    return lay_wire(monkeypatch)


@pytest.fixture
def stage(wire: Wire) -> Iterator[Stage]:
    world = start_world(SETTINGS)
    with talking(world):
        yield open_stage(world)


@dataclass(frozen=True)
class Round:
    """A fault at some attempts of a journey."""

    fault: Fault
    at: range
    services: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.fault.name} at {self.at.start}..{self.at.stop - 1} {self.services}"


def rounds_at(number: int, attempt: str) -> Iterator[Round]:
    """A fault that a retry overcomes, one that ends with the request, and one that goes on."""
    service = attempt.partition(".")[0]
    for faults in (WITHOUT_EFFECT, WITH_EFFECT):
        fault = faults[number % len(faults)]
        yield Round(fault, range(number, number + 1))
        yield Round(fault, range(number, number + ATTEMPTS[service]))
        yield Round(fault, range(number, FOR_GOOD))
    if service != "dynamodb":
        yield Round(WITHOUT_EFFECT[0], range(FOR_GOOD), (service,))


def code_of(answer: httpx.Response) -> str:
    """An error's code; a page's text has it, too."""
    if "json" in answer.headers.get("Content-Type", ""):
        return str(answer.json()["code"])
    return next(code for code in CLEAR_ERRORS if code in answer.text)


def rehearse(stage: Stage, wire: Wire, send: Send) -> tuple[Counter[str], list[str]]:
    """What an undisturbed request leaves, and what it asks AWS for."""
    before = fingerprint()
    with wire.armed():
        answer = send()
    assert answer.status_code < 400, answer.text
    return difference(before), list(wire.attempts)


def difference(before: Counter[str]) -> Counter[str]:
    after = fingerprint()
    after.subtract(before)
    return Counter({kind: number for kind, number in after.items() if number})


def send_again(stage: Stage, send: Send) -> httpx.Response:
    """As a sender does who was told to try again."""
    answer = send()
    if answer.status_code == 409 and code_of(answer) == "idempotency_key_in_use":
        stage.world.deployment.clock.advance(seconds=61)
        answer = send()
    return answer


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: each.__name__)
def test_whatever_aws_does_a_request_is_done_once_or_clearly_refused_and_can_be_repeated(
    stage: Stage, wire: Wire, journey
) -> None:
    rehearse(stage, wire, journey(stage))  # Data keys, remembered metadata.
    send = journey(stage)
    stage.world.deployment.clock.advance(minutes=61)
    expected, attempts = rehearse(stage, wire, send)
    print(journey.__name__, attempts)
    problems = []
    for number, attempt in enumerate(attempts):
        for round_ in rounds_at(number, attempt):
            send = journey(stage)
            stage.world.deployment.clock.advance(minutes=61)
            before = fingerprint()
            with wire.armed(round_.fault, round_.at, *round_.services):
                answer = send()
            said = f"{round_} {attempt}: {answer.status_code} {answer.text[:150]}"
            if answer.status_code >= 400:
                if answer.status_code != 503 or code_of(answer) not in CLEAR_ERRORS or not answer.headers.get("Retry-After"):
                    problems.append("UNCLEAR " + said)
                if len(round_.at) == 1:
                    problems.append("ONCE " + said)
                again = send_again(stage, send)
                if again.status_code >= 400:
                    problems.append(f"AGAIN {said} -> {again.status_code} {again.text[:200]}")
            diff = difference(before)
            if diff != expected:
                missing = Counter(expected); missing.subtract(diff)
                problems.append(f"DIFF {said}: {({k: -v for k, v in missing.items() if v})}")
            text = answer.text + "".join(stage.world.deployment.log_lines)
            for s in [*stage.secrets, "sentinel text"]:
                if s in text: problems.append(f"LEAK {said}")
    print("\n".join(problems))
    assert not problems
