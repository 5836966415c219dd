"""What a step needs to know, and what it comes to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.chats import states
from chalicelib.chats.models import Chat
from chalicelib.chats.repository import Extend
from chalicelib.chats.transition import Transition
from chalicelib.identity.models import Actor
from chalicelib.metrics import Metric, count, note
from chalicelib.organizations.models import Membership
from chalicelib.sdk.chats import ChatError
from chalicelib.sockets.announcing import Announcements
from chalicelib.turns.lease import HeldLease


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a turn: of which chat, as it was claimed, for whom, under which lease.

    `announcements` tells those who follow what happens while it does.
    """

    chat: Chat
    actor: Actor
    membership: Membership
    lease: HeldLease
    announcements: Announcements


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step comes to: how the chat goes on, applied to the chat as it is then.

    Attributes:
        apply: puts the transition together; it may be called again after a lost race.
        extend: further writes of the same transaction.
        delay_seconds: how long the next step shall wait.
    """

    apply: Callable[[Transition], None]
    extend: Sequence[Extend] = ()
    delay_seconds: int = 0


class StepFailedError(Exception):
    """A step that cannot be done, and that no repetition would mend.

    Attributes:
        error: what the owner is told.
    """

    def __init__(self, error: ChatError) -> None:
        super().__init__(error.kind)
        self.error = error


def note_failure(code: str) -> None:
    """Count a step that failed on our side, and say in the log why."""
    count(Metric.FAILED_STEPS)
    note(outcome="failed", code=code)


def failing(error: ChatError) -> Outcome:
    """The end of a turn without an answer."""
    return Outcome(lambda making: making.apply(lambda chat, now: states.fail(chat, error, now)))


def trying_again(delay_seconds: int = 0) -> Outcome:
    """The same step once more."""
    return Outcome(lambda making: making.apply(states.try_again), delay_seconds=delay_seconds)


def failed(kind: str, message: str) -> StepFailedError:
    """The failure of a step for a reason of ours."""
    return StepFailedError(ChatError(message=message, kind=kind))
