"""The table of what may become of a chat's turn."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.chats import states
from chalicelib.chats.errors import ChatStateError
from chalicelib.chats.models import Chat, Decision, Lease, OpenCall
from chalicelib.sdk.chats import ChatError, ChatStatus

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
CALL = OpenCall(id="call-1", tool_name="search", decision=Decision.WAITING)
OTHER = OpenCall(id="call-2", tool_name="search", decision=Decision.WAITING)
ERROR = ChatError(message="The model is out of reach.", kind="unavailable")

EVENTS: dict[str, Callable[[Chat], Chat]] = {
    "begin": lambda chat: states.begin(chat, NOW),
    "retry": lambda chat: states.retry(chat, NOW),
    "claim": lambda chat: states.claim(chat, "holder", NOW),
    "go on": lambda chat: states.go_on(chat, [], NOW),
    "ask": lambda chat: states.go_on(chat, [CALL], NOW),
    "try again": lambda chat: states.try_again(chat, NOW),
    "finish": lambda chat: states.finish(chat, NOW),
    "fail": lambda chat: states.fail(chat, ERROR, NOW),
    "interrupt": lambda chat: states.interrupt(chat, NOW),
    "decide": lambda chat: states.decide(chat, {"call-1": True}, NOW),
}
# In the order of ChatStatus: what becomes of each; `x` is refused.
TABLE = {
    "begin": "pending pending pending pending pending pending",
    "retry": "x x x x x pending",
    "claim": "running running running running running running",
    "go on": "pending pending pending pending pending pending",
    "ask": " ".join(["requires_action"] * 6),
    "try again": "pending pending pending pending pending pending",
    "finish": "waiting waiting waiting waiting waiting waiting",
    "fail": "error error error error error error",
    "interrupt": "x waiting interrupting interrupting waiting x",
    "decide": "x x x x pending x",
}
CLAIMABLE_AT_ONCE = {ChatStatus.PENDING}
CLAIMABLE_LATER = set(ChatStatus) - {ChatStatus.WAITING, ChatStatus.ERROR}


def chat_in(status: ChatStatus) -> Chat:
    """A chat as it is in a status."""
    is_leased = status in {ChatStatus.RUNNING, ChatStatus.INTERRUPTING}
    asks = status is ChatStatus.REQUIRES_ACTION
    return Chat(
        id="chat",
        owner_id="owner",
        organization_id="organization",
        title="A chat",
        status=status,
        mcp_server_ids=(),
        last_message_id=4,
        created_at=NOW,
        updated_at=NOW,
        lease=Lease("other", NOW + states.LEASE) if is_leased else None,
        open_calls=(CALL,) if asks else (),
        action_deadline=NOW + states.ACTION_TIME if asks else None,
        last_error=ERROR if status is ChatStatus.ERROR else None,
    )


def become(chat: Chat, event: str) -> str:
    try:
        return EVENTS[event](chat).status.value
    except ChatStateError:
        return "x"


def test_every_event_does_in_every_status_what_the_table_says() -> None:
    seen = {
        event: " ".join(become(chat_in(status), event) for status in ChatStatus) for event in EVENTS
    }
    assert seen == TABLE
    order = ["waiting", "pending", "running", "interrupting", "requires_action", "error"]
    assert [status.value for status in ChatStatus] == order


@pytest.mark.parametrize("event", TABLE)
@pytest.mark.parametrize("status", ChatStatus)
def test_only_who_works_has_a_lease_and_only_who_waits_has_a_deadline(
    status: ChatStatus, event: str
) -> None:
    if become(chat_in(status), event) == "x":
        return
    if event == "try again" and status is not ChatStatus.RUNNING:
        return  # Only whoever is at a step fails at it.
    chat = EVENTS[event](chat_in(status))
    at_work = {ChatStatus.RUNNING, ChatStatus.INTERRUPTING}
    assert (chat.lease is not None) == (chat.status in at_work)
    assert (chat.action_deadline is not None) == (chat.status is ChatStatus.REQUIRES_ACTION)
    if chat.status is not ChatStatus.ERROR:
        assert chat.last_error is None or event in {"claim", "go on", "ask", "try again"}


@pytest.mark.parametrize("status", ChatStatus)
def test_a_step_can_be_claimed_when_nobody_is_at_it(status: ChatStatus) -> None:
    chat = chat_in(status)
    assert states.is_claimable(chat, NOW) == (status in CLAIMABLE_AT_ONCE)
    assert states.is_claimable(chat, LATER) == (status in CLAIMABLE_LATER)


def test_attempts_of_a_step_count_until_it_ends_and_steps_until_the_turn_ends() -> None:
    chat = states.begin(chat_in(ChatStatus.WAITING), NOW)
    counted = []
    for change in (states.try_again, states.try_again, lambda chat, _: states.go_on(chat, [], NOW)):
        chat = states.claim(chat, "holder", NOW)
        counted.append((chat.steps, chat.attempts))
        chat = change(chat, NOW)
    chat = states.claim(chat, "holder", NOW)
    counted.append((chat.steps, chat.attempts))
    assert counted == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert (states.finish(chat, NOW).steps, states.finish(chat, NOW).attempts) == (0, 0)


def test_what_nobody_decided_on_in_time_is_denied() -> None:
    claimed = states.claim(chat_in(ChatStatus.REQUIRES_ACTION), "holder", LATER)
    assert [call.decision for call in claimed.open_calls] == [Decision.DENIED]


def test_decisions_may_come_one_by_one_and_each_once() -> None:
    chat = states.go_on(chat_in(ChatStatus.RUNNING), [CALL, OTHER], NOW)
    half = states.decide(chat, {"call-2": False}, NOW)
    assert half.status is ChatStatus.REQUIRES_ACTION
    for unknown in ("call-2", "call-3"):
        with pytest.raises(ChatStateError, match=unknown):
            states.decide(half, {"call-1": True, unknown: True}, NOW)
    done = states.decide(half, {"call-1": True}, NOW)
    assert done.status is ChatStatus.PENDING
    assert [call.decision for call in done.open_calls] == [Decision.APPROVED, Decision.DENIED]


def test_a_retry_keeps_the_calls_that_are_open() -> None:
    failed = states.fail(states.go_on(chat_in(ChatStatus.RUNNING), [CALL], NOW), ERROR, NOW)
    assert states.retry(failed, NOW).open_calls == (CALL,)
    assert states.begin(failed, NOW).open_calls == ()


def test_what_edits_take_away_is_kept_as_few_ranges() -> None:
    chat = chat_in(ChatStatus.WAITING)
    seen = []
    for first, last in ((4, 4), (5, 7), (10, 12), (11, 14), (2, 15)):
        chat = states.hide_from(_with_last(chat, last), first)
        seen.append(chat.hidden)
    assert seen == [
        ((4, 4),),
        ((4, 7),),
        ((4, 7), (10, 12)),
        ((4, 7), (10, 14)),
        ((2, 15),),
    ]
    assert chat.history_version == 5


def _with_last(chat: Chat, last: int) -> Chat:
    return replace(chat, last_message_id=last)
