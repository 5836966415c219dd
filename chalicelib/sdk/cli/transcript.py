"""What happens in a chat, as a terminal shows it.

The words of models and tools are anybody's: nothing of them reaches the terminal as it came, see
`output`.
"""

import json
from typing import Any

import click

from ..chats import (
    ChatMessage,
    ChatStatus,
    Compaction,
    File,
    MessageRole,
    ServerEvent,
    ServerOutcome,
    StreamEvent,
    StreamEventType,
    Text,
    ToolCall,
    ToolResult,
)
from .output import clean, clean_block, to_jsonable

_LONGEST_REMARK = 200
_REST = frozenset({ChatStatus.WAITING, ChatStatus.ERROR})


class Transcript:
    """Prints events as they come: the model's words go to standard output, remarks beside them.

    Args:
        as_json: each event is a line of JSON instead.
        whole: what the user said is shown, too, and remarks are part of the result.

    Attributes:
        calls: the tool calls that were seen, by their ids.
    """

    def __init__(self, *, as_json: bool = False, whole: bool = False) -> None:
        self.calls: dict[str, ToolCall] = {}
        self._as_json = as_json
        self._whole = whole
        self._preview = ""
        self._within_line = False
        self._remarks: list[str] = []  # They wait until the model has finished its sentence.

    def event(self, event: StreamEvent) -> None:
        """Show one event."""
        if self._as_json:
            if event.message is not None:
                self.remember(event.message)
            click.echo(json.dumps(to_jsonable(event)))
        elif event.message_part is not None:
            if isinstance(event.message_part.part, Text):
                self._preview += event.message_part.part.text
                self._say(event.message_part.part.text)
        elif event.message is not None:
            self.message(event.message)
        elif event.type is StreamEventType.PREVIEW_RESET:
            self._end_preview("The model begins its answer anew.")
        elif event.type is StreamEventType.HISTORY_RESET:
            self._end_preview("The conversation was changed elsewhere; this is how it goes now.")
        elif event.status in _REST:
            self._end_preview("")

    def message(self, message: ChatMessage) -> None:
        """Show a whole message, but not again what was shown while it was written."""
        self.remember(message)
        if message.role is MessageRole.USER and not self._whole:
            return
        text = "".join(part.text for part in message.content if isinstance(part, Text))
        if message.role is MessageRole.USER:
            text = "> " + text.replace("\n", "\n> ")
        if text:
            self._say_rest(text)
        self._remarks += filter(None, map(describe_part, message.content))
        if not self._preview:
            self._make_remarks()

    def remark(self, text: str) -> None:
        """Say something in a line of its own, beside what the model says."""
        self._end_line()
        click.echo(clean(f"[{text}]"), err=not self._whole)

    def remember(self, message: ChatMessage) -> None:
        """Know the tool calls of a message, without showing it."""
        calls = (part for part in message.content if isinstance(part, ToolCall))
        self.calls |= {call.tool_call_id: call for call in calls}

    def _say_rest(self, text: str) -> None:
        if text.startswith(self._preview):
            self._say(text[len(self._preview) :])
        else:  # Another attempt has come to another answer.
            self._end_line()
            self._say(text)
        self._preview = ""
        self._end_line()

    def _say(self, text: str) -> None:
        if text:
            click.echo(clean_block(text), nl=False)
            self._within_line = not text.endswith("\n")

    def _end_preview(self, why: str) -> None:
        """What was shown of a message is all there is of it."""
        if self._preview and why:
            self.remark(why)
        self._preview = ""
        self._end_line()
        self._make_remarks()

    def _make_remarks(self) -> None:
        remarks, self._remarks = self._remarks, []
        for each in remarks:
            self.remark(each)

    def _end_line(self) -> None:
        if self._within_line:
            click.echo()
        self._within_line = False


def describe_part(part: Any) -> str:
    """A part that is no text, in a short line; an empty one for what people need not see."""
    match part:
        case ToolCall():
            intent = f" to {part.intent}" if part.intent else ""
            return _shorten(f"calls {part.tool_name}{intent}: {write_arguments(part.args)}")
        case ToolResult():
            what = "failed" if part.is_error else "answered"
            media = " [image]" * len(part.media)
            return _shorten(f"{part.tool_name} {what}: {part.result}{media}")
        case ServerEvent():
            return _describe_server(part)
        case File():
            return f"image {part.media_type}"
        case Compaction():
            return "What was said so far was summed up for the model."
        case _:
            return ""


def write_arguments(arguments: Any) -> str:
    """A tool call's arguments, all of them, in one line."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _describe_server(event: ServerEvent) -> str:
    if event.outcome is ServerOutcome.CONNECT_REQUIRED:
        return f"{event.server_name}: connect first, at {event.connect_url}"
    detail = f": {event.detail}" if event.detail else ""
    return f"{event.server_name}: {event.outcome.value.replace('_', ' ')}{detail}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REMARK else line[:_LONGEST_REMARK] + "…"
