"""What a model is shown of a chat; pure functions."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence

from chalicelib.chats.models import Chat, Message, Visibility
from chalicelib.sdk import chats
from chalicelib.sdk.chats import MessageRole
from chalicelib.turns.intent import rewrap
from chalicelib.turns.providers.models import (
    ImagePart,
    Part,
    PromptMessage,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

ReadFile = Callable[[str], tuple[str, bytes] | None]
"""Gives the media type and bytes of a file by its id; None if it is gone."""
MOST_IMAGE_BYTES = 20 * 1024 * 1024
_LOST = "There is no result: the call was cut short."
_SUMMARY = "This is a summary of the conversation so far:\n\n"
_ROLES: dict[MessageRole, Role] = {
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.TOOL: "tool",
}


def limited(read_file: ReadFile, most_bytes: int = MOST_IMAGE_BYTES) -> ReadFile:
    """Reads each file once, and of all of them no more than a worker has memory for."""
    known: dict[str, tuple[str, bytes] | None] = {}
    room = most_bytes

    def read(file_id: str) -> tuple[str, bytes] | None:
        nonlocal room
        if file_id not in known:
            known[file_id] = read_file(file_id) if room > 0 else None
        found = known[file_id]
        room -= len(found[1]) if found else 0
        return found if room >= 0 else None

    return read


def select(chat: Chat, messages: Iterable[Message]) -> list[Message]:
    """What the model sees of a chat: the last summary, if there is one, and what it leaves out."""
    seen = [
        message
        for message in messages
        if message.visibility is not Visibility.USER and not chat.hides(message.id)
    ]
    summaries = [each for each in seen if find_summary(each) is not None]
    if not summaries:
        return seen
    covered = find_summary(summaries[-1])
    last = covered.covered_message_id if covered else 0
    return [summaries[-1], *(each for each in seen if each.id > last and each not in summaries)]


def find_summary(message: Message) -> chats.Compaction | None:
    """The summary that a message holds, if it holds one."""
    return next((part for part in message.parts if isinstance(part, chats.Compaction)), None)


def build_messages(messages: Sequence[Message], read_file: ReadFile) -> tuple[PromptMessage, ...]:
    """A conversation as models take it: every tool call has its result right behind it."""
    built: list[PromptMessage] = []
    open_calls: dict[str, str] = {}
    for message in messages:
        summary = find_summary(message)
        if summary is not None:
            built.append(PromptMessage("user", (TextPart(_SUMMARY + summary.text),)))
            continue
        role = _ROLES.get(message.role)
        if role is None:
            continue
        parts = tuple(_convert(message.parts, read_file))
        if role == "tool":
            parts = tuple(
                part
                for part in parts
                if isinstance(part, ToolResultPart) and part.tool_call_id in open_calls
            )
            for part in parts:
                open_calls.pop(part.tool_call_id, None)  # type: ignore[union-attr]
        elif open_calls:
            built.append(_lost(open_calls))
        if role == "assistant":
            open_calls = {part.id: part.name for part in parts if isinstance(part, ToolCallPart)}
        if parts:
            built.append(PromptMessage(role, parts))
    if open_calls:
        built.append(_lost(open_calls))
    return tuple(built)


def _lost(open_calls: dict[str, str]) -> PromptMessage:
    """Results for calls that have none: model APIs take no call without."""
    parts = tuple(
        ToolResultPart(call_id, name, _LOST, is_error=True) for call_id, name in open_calls.items()
    )
    open_calls.clear()
    return PromptMessage("tool", parts)


def _convert(parts: Iterable[chats.MessagePart], read_file: ReadFile) -> Iterable[Part]:
    for part in parts:
        if isinstance(part, chats.Text):
            yield TextPart(part.text)
        elif isinstance(part, chats.File):
            found = read_file(part.file_id)
            yield (TextPart("[an image that is missing]") if found is None else ImagePart(*found))
        elif isinstance(part, chats.ToolCall):
            arguments = part.args if part.intent is None else rewrap(part.intent, part.args)
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            yield ToolCallPart(part.tool_call_id, part.tool_name, text)
        elif isinstance(part, chats.ToolResult):
            images = tuple(ImagePart(each.media_type, b64decode(each.data)) for each in part.media)
            yield ToolResultPart(
                part.tool_call_id, part.tool_name, part.result, part.is_error, images
            )
