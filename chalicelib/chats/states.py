"""The one table of what may become of a chat's turn, as pure functions from a chat to a chat.

    status           send     claim    step ended                     interrupt     decided
    waiting          pending  -        -                              -             -
    pending          queued   running  -                              waiting       -
    running          queued   running* pending, waiting, error,       interrupting  -
                                       requires_action
    interrupting     queued   waiting* waiting                        interrupting  -
    requires_action  queued   running* -                              waiting       pending
    error            pending  -        -                              -             -

    *  once the lease, or the time to decide, has run out

Whatever comes to waiting goes on to pending at once if a message is queued. `retry` brings error to
pending. An edit brings every status to pending, and takes the lease from whoever has it. Each is
written as one transaction that states the chat's version, so of two that meet one comes second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.chats.errors import ChatStateError
from chalicelib.chats.models import Chat, Decision, Lease, OpenCall
from chalicelib.sdk.chats import ChatError, ChatStatus

LEASE = timedelta(seconds=30)
ACTION_TIME = timedelta(hours=1)
_REST = frozenset({ChatStatus.WAITING, ChatStatus.ERROR})


def begin(chat: Chat, now: datetime) -> Chat:
    """A turn begins: the message that it answers is the chat's last."""
    return replace(
        chat,
        status=ChatStatus.PENDING,
        lease=None,
        attempts=0,
        steps=0,
        open_calls=(),
        action_deadline=None,
        last_error=None,
        updated_at=now,
    )


def retry(chat: Chat, now: datetime) -> Chat:
    """The turn that failed is tried again from the step that failed.

    Raises:
        ChatStateError: the last one did not fail.
    """
    if chat.status is not ChatStatus.ERROR:
        raise ChatStateError("Only a chat whose last turn failed can be retried.", chat.status)
    calls = chat.open_calls
    return replace(begin(chat, now), open_calls=calls)


def is_claimable(chat: Chat, now: datetime) -> bool:
    """Whether a worker may take the chat's next step."""
    if chat.status is ChatStatus.PENDING:
        return True
    if chat.status in {ChatStatus.RUNNING, ChatStatus.INTERRUPTING}:
        return chat.lease is None or chat.lease.until <= now
    is_late = chat.action_deadline is not None and chat.action_deadline <= now
    return chat.status is ChatStatus.REQUIRES_ACTION and is_late


def claim(chat: Chat, holder: str, now: datetime, lease: timedelta = LEASE) -> Chat:
    """A worker takes the next step; of calls that nobody decided on in time, it denies all."""
    return replace(
        chat,
        status=ChatStatus.RUNNING,
        lease=Lease(holder, now + lease),
        attempts=chat.attempts + 1,
        steps=chat.steps if chat.attempts else chat.steps + 1,
        open_calls=tuple(_denied_if_waiting(call) for call in chat.open_calls),
        action_deadline=None,
    )


def go_on(chat: Chat, open_calls: Sequence[OpenCall], now: datetime) -> Chat:
    """A step is done, and the turn needs another: at once, or once the owner has decided."""
    asks = any(call.decision is Decision.WAITING for call in open_calls)
    return replace(
        chat,
        status=ChatStatus.REQUIRES_ACTION if asks else ChatStatus.PENDING,
        lease=None,
        attempts=0,
        open_calls=tuple(open_calls),
        action_deadline=now + ACTION_TIME if asks else None,
        updated_at=now,
    )


def try_again(chat: Chat, now: datetime) -> Chat:
    """A step failed in a way that may pass; what it had done so far is forgotten."""
    return replace(chat, status=ChatStatus.PENDING, lease=None, updated_at=now)


def finish(chat: Chat, now: datetime) -> Chat:
    """The turn is over; with a message queued, the caller begins the next."""
    return replace(begin(chat, now), status=ChatStatus.WAITING)


def fail(chat: Chat, error: ChatError, now: datetime) -> Chat:
    """The turn is over without an answer; its open calls stay, for a retry."""
    return replace(
        chat,
        status=ChatStatus.ERROR,
        lease=None,
        attempts=0,
        last_error=error,
        action_deadline=None,
        updated_at=now,
    )


def interrupt(chat: Chat, now: datetime) -> Chat:
    """The owner wants the turn to end: a running step is told, anything else ends at once.

    Raises:
        ChatStateError: there is nothing to interrupt.
    """
    if chat.status in _REST:
        raise ChatStateError("The chat is not working at anything.", chat.status)
    if chat.status in {ChatStatus.RUNNING, ChatStatus.INTERRUPTING}:
        return replace(chat, status=ChatStatus.INTERRUPTING, updated_at=now)
    return finish(chat, now)


def decide(chat: Chat, decisions: Mapping[str, bool], now: datetime) -> Chat:
    """The owner approves or denies tool calls; with the last decision the turn goes on.

    Raises:
        ChatStateError: no call waits for a decision, or one named does not.
    """
    waiting = {call.id for call in chat.waiting_calls}
    if chat.status is not ChatStatus.REQUIRES_ACTION:
        raise ChatStateError("No tool call waits for a decision.", chat.status)
    unknown = sorted(set(decisions) - waiting)
    if unknown:
        raise ChatStateError(
            f"These tool calls wait for no decision: {', '.join(unknown)}.", chat.status
        )
    calls = tuple(
        replace(call, decision=Decision.APPROVED if decisions[call.id] else Decision.DENIED)
        if call.id in decisions
        else call
        for call in chat.open_calls
    )
    decided = replace(chat, open_calls=calls, updated_at=now)
    if decided.waiting_calls:
        return decided
    return replace(decided, status=ChatStatus.PENDING, action_deadline=None, attempts=0)


def hide_from(chat: Chat, first_id: int) -> Chat:
    """The chat without its messages from one on; an answer among them is not unread any more."""
    start, said = first_id, chat.last_assistant_message_id
    kept = list(chat.hidden)
    while kept and kept[-1][1] >= start - 1:  # It touches the new range, or lies within it.
        start = min(start, kept.pop()[0])
    return replace(
        chat,
        hidden=(*kept, (start, chat.last_message_id)),
        history_version=chat.history_version + 1,
        last_read_message_id=max(chat.last_read_message_id, said if said >= first_id else 0),
    )


def _denied_if_waiting(call: OpenCall) -> OpenCall:
    return replace(call, decision=Decision.DENIED) if call.decision is Decision.WAITING else call
