"""A chat's turns at a terminal: shown as they go, interrupted, and asked about."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import click

from ..chat_session import ChatSession
from ..chats import ChatError, PendingToolCall
from ..exceptions import ConflictError
from .output import clean, note
from .problems import REFUSED, Problem
from .transcript import Transcript, write_arguments

_MOST_STOPS = 1000


class Approval(StrEnum):
    """Who decides on tool calls that the owner is to be asked about."""

    ASK = "ask"
    NONE = "none"
    ALL = "all"


@dataclass
class Turns:
    """A chat, where it is shown, and who approves its tool calls."""

    chat: ChatSession
    transcript: Transcript
    approval: Approval

    def follow(self) -> ChatError | None:
        """Show what happens until the chat waits for a message; or why its turn failed.

        The first Ctrl-C interrupts the turn, the next one the program.

        Raises:
            click.Abort: it was the second.
            Problem: the turn asks for one decision after the other.
        """
        interrupted = False
        for _ in range(_MOST_STOPS):
            try:
                pending, error = self._watch()
                if not pending:
                    return error
                self._decide(pending)
            except (KeyboardInterrupt, click.Abort):
                if interrupted:
                    raise click.Abort from None
                interrupted = True
                self._interrupt()
        raise Problem("The turn asks for one decision after the other.", REFUSED)

    def _watch(self) -> tuple[Sequence[PendingToolCall], ChatError | None]:
        """Show what happens until the chat is at rest: the calls that wait, the turn's error."""
        pending: Sequence[PendingToolCall] = ()
        error = None
        for event in self.chat.stream():
            self.transcript.event(event)
            if event.status is not None:  # What was told before it is over.
                pending, error = (), None
            pending = event.pending_tool_calls or pending
            error = event.error or error
        return pending, error

    def _interrupt(self) -> None:
        note("[interrupted; Ctrl-C again leaves]")  # Amid a sentence, which goes on after it.
        try:
            self.chat.interrupt()
        except ConflictError:
            note("The turn was over already.")

    def _decide(self, pending: Sequence[PendingToolCall]) -> None:
        decisions = {each.tool_call_id: self._approves(each) for each in pending}
        try:
            self.chat.decide(decisions)
        except ConflictError as exc:  # Decided elsewhere meanwhile, or too late.
            note(str(exc))

    def _approves(self, pending: PendingToolCall) -> bool:
        call = self.transcript.calls.get(pending.tool_call_id)
        arguments = write_arguments(call.args) if call else "arguments that are not known here"
        # All of them, however long: nobody approves what they cannot see.
        self.transcript.remark(f"{pending.tool_name} is to be called with {arguments}")
        if self.approval is Approval.ASK:
            return click.confirm(clean(f"Call {pending.tool_name}?"), err=True)
        approved = self.approval is Approval.ALL
        self.transcript.remark("approved" if approved else "denied; --approve all would approve it")
        return approved
