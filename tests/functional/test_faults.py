"""AWS that throttles, times out, fails or loses answers, at each call of the main journeys in turn.

Each round sends a journey's request while AWS fails, and sends it again as its sender would. Then
the tables must hold what one undisturbed request leaves, no more and no less.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from chalicelib import events
from tests.support.fault_journeys import (
    IN_TIME,
    JOURNEYS,
    Send,
    Stage,
    call_tool,
    finish_connecting,
    open_stage,
    sign_in,
    sign_in_with_oidc,
)
from tests.support.faults import (
    THROTTLE,
    WITH_EFFECT,
    WITHOUT_EFFECT,
    Fault,
    Wire,
    fingerprint,
)
from tests.support.identity_provider import SETTINGS
from tests.support.journey import start_world
from tests.support.turns import talking

FOR_GOOD = 1000
BEGUN_ANEW = {finish_connecting, sign_in, sign_in_with_oidc}
SESSION = ("identity: TOKEN / token", "audit: MONTH / …")
API_GATEWAY_WAITS = 29
LONG = 13  # Attempts; deleting users and servers with all that they have.
WRITES = {"UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems", "SendMessage"}
ATTEMPTS = {"dynamodb": 3, "kms": 3, "sqs": 2}
CLEAR_ERRORS = ("storage_unavailable", "encryption_unavailable")
# What is refused at first and not any more a little later, since a lease runs out.
IN_A_MINUTE = {"idempotency_key_in_use", "oauth2_refresh_busy", "mcp_server_slug_taken"}
# The first two calls of each request with a token: who is it, and when was the token used?
AUTHENTICATION = 2
TOKENS_ARE_STORED_AT = 10  # Of listing tools.


@pytest.fixture
def stage(wire: Wire) -> Iterator[Stage]:
    world = start_world({**SETTINGS, "stopwatch": wire.now})
    wire.watch(*world.deployment.aws_clients)
    with talking(world):
        yield open_stage(world)


@dataclass(frozen=True)
class Round:
    """A fault at some of a journey's attempts; of all services, or of these."""

    fault: Fault
    at: range
    services: tuple[str, ...] = ()

    @property
    def is_overcome(self) -> bool:
        """Whether botocore's retries are enough."""
        return len(self.at) == 1

    def __str__(self) -> str:
        return f"{self.fault.name} at {self.at} {' '.join(self.services)}"


def rounds_at(number: int, attempt: str, *, is_long: bool) -> Iterator[Round]:
    """What may go wrong at an attempt: once, until somebody tidies up, and for good.

    A long journey has not all of it.
    """
    service, _, operation = attempt.partition(".")
    if operation in WRITES or not is_long:
        without_effect = WITHOUT_EFFECT[number % len(WITHOUT_EFFECT)]
        yield Round(without_effect, range(number, FOR_GOOD))
    if service != "dynamodb":
        yield Round(THROTTLE, range(FOR_GOOD), (service,))
    if operation in WRITES:
        with_effect = WITH_EFFECT[number % len(WITH_EFFECT)]
        yield Round(with_effect, range(number, number + ATTEMPTS[service]))
        if not is_long:
            yield Round(with_effect, range(number, number + 1))
            yield Round(with_effect, range(number, FOR_GOOD))


def code_of(answer: httpx.Response) -> str:
    """An error's code; of a page, that of the only errors that pages may tell of here."""
    if answer.headers["Content-Type"].startswith("application/json"):
        return str(answer.json()["code"])
    return CLEAR_ERRORS[0] if "did not answer" in answer.text else answer.text


def left_since(before: Counter[str]) -> dict[str, int]:
    """How many items of which kind there are more than before."""
    after = fingerprint()
    after.subtract(before)
    return {kind: number for kind, number in after.items() if number}


def send_again(stage: Stage, send: Send) -> httpx.Response:
    """As a sender does who was told to try again, and told so again."""
    answer = send()
    if answer.status_code >= 400 and code_of(answer) in IN_A_MINUTE:
        assert answer.headers["Retry-After"]
        stage.world.deployment.clock.advance(seconds=61)
        answer = send()
    return answer


def check_refusal(answer: httpx.Response, round_: Round) -> None:
    """It is clear, and says when to try again."""
    assert not round_.is_overcome
    assert answer.status_code == 503, answer.text
    assert code_of(answer) in CLEAR_ERRORS
    assert answer.headers["Retry-After"]


def check_repetition(answer: httpx.Response, method: str, round_: Round) -> None:
    """It succeeds; or it says that all was done before, where nobody could tell so at once.

    One thing can be lost: tokens that a provider has just renewed, if the database is down right
    then and for longer than the retries take. Nobody else has them; their user connects again.
    """
    if answer.status_code < 400 or is_connection_lost(answer, round_):
        return
    assert round_.fault.takes_effect, answer.text
    is_gone = method == "DELETE" and answer.status_code == 404
    assert is_gone or code_of(answer) == "idempotency_answer_lost", answer.text


def is_connection_lost(answer: httpx.Response, round_: Round) -> bool:
    stores_tokens = round_.at.start == TOKENS_ARE_STORED_AT and round_.at.stop == FOR_GOOD
    return stores_tokens and code_of(answer) == "connect_required"


def take_round(stage: Stage, wire: Wire, send: Send, round_: Round) -> Counter[str]:
    """Send a journey's request in bad weather, and again in good; what there was before it."""
    lines = stage.world.deployment.log_lines
    lines.clear()
    before = fingerprint()
    with wire.armed(round_.fault, round_.at, *round_.services):
        answer = send()
    assert wire.seconds < API_GATEWAY_WAITS
    told = answer.text
    if answer.status_code >= 400:
        check_refusal(answer, round_)
        again = send_again(stage, send)
        check_repetition(again, again.request.method, round_)
        told += again.text
    written = told + "".join(lines)
    assert not [secret for secret in (*stage.secrets, "sentinel") if secret in written]
    return before


def check_tables(
    stage: Stage, before: Counter[str], expected: dict[str, int], journey: object
) -> None:
    """There is what there should be; if not at once, then as soon as the clock has ticked."""
    left = left_since(before)
    if left != expected:
        tidy_up(stage)
        left = left_since(before)
    if journey in BEGUN_ANEW:
        # Of two sessions the one whose cookie was lost ends by itself; two events are true.
        left |= {kind: min(left[kind], expected[kind]) for kind in SESSION if kind in expected}
    assert left == expected


def tidy_up(stage: Stage) -> None:
    """The clock ticks, an hour later."""
    stage.world.deployment.clock.advance(minutes=61)
    events.wake_stuck(stage.world.deployment.services)
    events.remove_leftovers(stage.world.deployment.services)


def prepare(stage: Stage, journey: Callable[[Stage], Send]) -> Send:
    """The request, an hour after whatever was before: a container's caches are empty."""
    send = journey(stage)
    if journey not in IN_TIME:
        stage.world.deployment.clock.advance(minutes=61)
    return send


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: each.__name__)
def test_whatever_aws_does_a_request_is_done_once_or_clearly_refused_and_can_be_repeated(
    stage: Stage, wire: Wire, journey: Callable[[Stage], Send]
) -> None:
    assert journey(stage)().status_code < 400  # From now on it finds its data keys.
    send, before = prepare(stage, journey), fingerprint()
    with wire.armed():
        assert send().status_code < 400
    expected, attempts = left_since(before), wire.attempts
    first = 0 if journey in {call_tool, sign_in} else AUTHENTICATION
    failures = []
    for number, attempt in list(enumerate(attempts))[first:]:
        for round_ in rounds_at(number, attempt, is_long=len(attempts) > LONG):
            send = prepare(stage, journey)
            try:
                before = take_round(stage, wire, send, round_)
                check_tables(stage, before, expected, journey)
            except AssertionError as exc:
                failures.append(f"{attempt}, {round_}: {exc}")
    assert not failures, "\n\n".join(failures)
