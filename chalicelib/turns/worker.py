"""The turn worker: one step of one chat at a time, whatever happens to whoever does it.

A hint says which chat to look at; the chat says what there is to do. The worker takes the chat's
lease, does one step (a model's answer, or a batch of tool calls), and writes what came of it in one
transaction that states the lease. So hints may be lost, doubled or late, and a worker may die at
any moment: the chat waits until its lease has run out, and the step is done again.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.chats import states
from chalicelib.chats.errors import ChatChangedError, LeaseLostError
from chalicelib.chats.models import Chat
from chalicelib.chats.ports import TurnQueue
from chalicelib.chats.repository import ChatRepository
from chalicelib.chats.service import ChatService
from chalicelib.chats.transition import Transition
from chalicelib.errors import CiboriumError
from chalicelib.identity.errors import InvalidTokenError
from chalicelib.logs import describe_exception, get_logger
from chalicelib.metrics import Metric, count, note
from chalicelib.organizations.errors import NotAMemberError
from chalicelib.primitives import Clock
from chalicelib.sdk.chats import ChatError, ChatStatus
from chalicelib.sockets.announcing import Announcements, Announcer
from chalicelib.storage import StorageUnavailableError
from chalicelib.turns.acting import Acting
from chalicelib.turns.lease import HeldLease
from chalicelib.turns.owners import Owners
from chalicelib.turns.steps import (
    Outcome,
    Step,
    StepFailedError,
    failing,
    note_failure,
    trying_again,
)
from chalicelib.turns.thinking import MOST_TRIES, Thinking

MOST_STEPS = 100
_COMMITS = 6
_PAUSE_SECONDS = 0.1  # Doubled with each attempt: three seconds in all, of the lease's thirty.
_INTERRUPTED = "The user interrupted."
_HINT_IS_LOST_AFTER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Timing:
    """The time, how to wait for so many seconds, and how long a worker may be silent."""

    clock: Clock
    pause: Callable[[float], object]
    lease: timedelta


class ChatWorker:
    """Takes chats forward; lives as long as the container. Implements `ports.TurnWorker`."""

    def __init__(
        self,
        *,
        repository: ChatRepository,
        owners: Owners,
        thinking: Thinking,
        acting: Acting,
        chats: ChatService,
        queue: TurnQueue,
        announcer: Announcer,
        timing: Timing,
    ) -> None:
        self._repository = repository
        self._owners = owners
        self._thinking = thinking
        self._acting = acting
        self._chats = chats
        self._queue = queue
        self._announcer = announcer
        self._clock = timing.clock
        self._pause = timing.pause
        self._lease = timing.lease

    def handle(self, chat_id: str) -> None:
        """Perform the chat's next step, if it has one that nobody is at.

        Raises:
            StorageUnavailableError, EncryptionUnavailableError: something is out of reach; the
                hint should come again.
        """
        holder = secrets.token_hex(8)
        with suppress(ChatChangedError, LeaseLostError):  # Somebody else is at it, or it is gone.
            claimed = self._claim(chat_id, holder)
            if claimed is None:
                return
            chat, announcements = claimed
            note(actor_id=chat.owner_id)
            with HeldLease(self._repository, chat, holder, self._clock, self._lease) as lease:
                outcome = self._perform(chat, lease, announcements)
            self._commit(chat_id, holder, outcome, announcements)

    def wake_stuck(self) -> int:
        """Wake every chat that a worker should be at and none is; how many they were."""
        woken = 0
        for chat_id in self._repository.iterate_active():
            try:
                chat = self._repository.find(chat_id)
                if chat is not None and self._is_stuck(chat):
                    self._queue.send(chat_id)
                    woken += 1
            except Exception as exc:  # noqa: BLE001 -- one chat must not stop the others
                count(Metric.FAILED_TASKS)
                fields = {"chat_id": chat_id, **describe_exception(exc)}
                get_logger().error("A chat cannot be looked at.", extra={"fields": fields})
        self._chats.remove_deleted()
        return woken

    def _is_stuck(self, chat: Chat) -> bool:
        now = self._clock()
        is_fresh = (now - chat.updated_at).total_seconds() < _HINT_IS_LOST_AFTER_SECONDS
        if chat.status is ChatStatus.PENDING and is_fresh:
            return False  # Its hint is probably on the way.
        return states.is_claimable(chat, now)

    def _claim(self, chat_id: str, holder: str) -> tuple[Chat, Announcements] | None:
        """The chat under a lease of ours; None if there is nothing to do, or its turn ends instead.

        Who loses a race looks again: the other one may have been its owner, and no worker.
        """
        for _ in range(_COMMITS):
            chat = self._repository.find(chat_id)
            if chat is None or not states.is_claimable(chat, self._clock()):
                return None
            with suppress(ChatChangedError):
                return self._try_to_claim(chat, holder)
        return None

    def _try_to_claim(self, chat: Chat, holder: str) -> tuple[Chat, Announcements] | None:
        making = Transition(chat, self._clock())
        if chat.status is ChatStatus.INTERRUPTING:
            _end(making)
            making.take_next(lambda id_: self._repository.find_queued(chat.id, id_))
            self._announcer.begin(chat, self._write(making))
            return None
        making.apply(lambda each, now: states.claim(each, holder, now, self._lease))
        error = _find_reason_to_stop(making.chat)
        if error is None:
            try:
                claimed = self._repository.write(making.to_write(requires_member=True))
                return claimed, self._announcer.begin(chat, claimed)
            except (InvalidTokenError, NotAMemberError):
                error = ChatError(
                    message="You may not use this organisation's chats any more.",
                    kind="not_allowed",
                )
        making = Transition(chat, self._clock())
        making.apply(lambda each, now: states.fail(each, error, now))
        self._announcer.begin(chat, self._write(making))
        return None

    def _perform(self, chat: Chat, lease: HeldLease, announcements: Announcements) -> Outcome:
        """Do the step; whatever goes wrong is an outcome, too."""
        try:
            actor, membership = self._owners.find(chat)
            step = Step(chat, actor, membership, lease, announcements)
            return (self._acting if chat.open_calls else self._thinking).run(step)
        except StepFailedError as exc:
            note(code=exc.error.kind)  # What people have brought about is no failure of ours.
            return failing(exc.error)
        except CiboriumError as exc:
            note_failure(exc.code)
            fields = {"chat_id": chat.id, **describe_exception(exc)}
            get_logger().warning("A step failed.", extra={"fields": fields})
            told = ChatError(message=exc.message, kind=exc.code, retryable=True)
        except Exception as exc:  # noqa: BLE001 -- a chat must never be stuck
            note_failure("internal")
            fields = {"chat_id": chat.id, **describe_exception(exc)}
            get_logger().error("A step failed unexpectedly.", extra={"fields": fields})
            told = ChatError(
                message="Something went wrong on our side.", kind="internal", retryable=True
            )
        if chat.attempts >= MOST_TRIES:
            return failing(told)
        return trying_again(2**chat.attempts - 1)

    def _commit(
        self, chat_id: str, holder: str, outcome: Outcome, announcements: Announcements
    ) -> None:
        """Write what came of a step, onto the chat as it is by now.

        Raises:
            LeaseLostError: somebody else has the chat, or an edit took it away.
            ChatChangedError: others wrote it again and again.
            StorageUnavailableError: the database took it none of the times.
        """
        lost: CiboriumError = ChatChangedError()
        for attempt in range(_COMMITS):
            try:
                announcements.tell(self._commit_once(chat_id, holder, outcome))
            except LeaseLostError:
                if attempt:  # Perhaps it was written by an attempt that was not answered.
                    self._queue.send(chat_id)
                elif self._repository.find(chat_id) is not None:
                    # An edit took it away: what the step has cost is spent. What is counted for a
                    # chat that was removed would stay for ever.
                    self._repository.write_beside(outcome.extend)
                raise
            except (ChatChangedError, StorageUnavailableError) as exc:
                lost = exc  # The user's other chats write usage, too.
                self._pause(_PAUSE_SECONDS * 2**attempt)
            else:
                return
        raise lost

    def _commit_once(self, chat_id: str, holder: str, outcome: Outcome) -> Chat:
        chat = self._repository.find(chat_id)
        if chat is None or chat.lease is None or chat.lease.holder != holder:
            raise LeaseLostError
        making = Transition(chat, self._clock())
        outcome.apply(making)
        if chat.status is ChatStatus.INTERRUPTING:
            _end(making)
        making.take_next(lambda id_: self._repository.find_queued(chat_id, id_))
        return self._write(making, outcome)

    def _write(self, making: Transition, outcome: Outcome | None = None) -> Chat:
        extend = outcome.extend if outcome is not None else ()
        chat = self._repository.write(making.to_write(extend=extend))
        if chat.status is ChatStatus.PENDING:
            self._queue.send(chat.id, outcome.delay_seconds if outcome is not None else 0)
        return chat


def _find_reason_to_stop(chat: Chat) -> ChatError | None:
    """Why a chat that was just claimed had better not go on."""
    if chat.attempts > MOST_TRIES + 1:
        return ChatError(
            message="The step was begun again and again and never came to its end.",
            kind="step_lost",
            retryable=True,
        )
    if chat.steps > MOST_STEPS:
        return ChatError(
            message=f"The turn took more than {MOST_STEPS} steps. Say how to go on.",
            kind="too_many_steps",
        )
    return None


def _end(making: Transition) -> None:
    """End an interrupted turn: no call of it stays open."""
    making.close_calls(_INTERRUPTED)
    making.apply(states.finish)
