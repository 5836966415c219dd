"""Chats and messages, made up for tests of pure functions."""

from datetime import UTC, datetime
from typing import Any

from chalicelib.chats.models import Chat, Message
from chalicelib.sdk.chats import (
    ChatStatus,
    Compaction,
    MessagePart,
    MessageRole,
    MessageUsage,
    Text,
    ToolCall,
    ToolResult,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def chat(**fields: Any) -> Chat:
    """A chat at rest."""
    known: dict[str, Any] = {
        "id": "c",
        "owner_id": "u",
        "organization_id": "o",
        "title": "t",
        "status": ChatStatus.WAITING,
        "mcp_server_ids": (),
        "last_message_id": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Chat(**{**known, **fields})


def message(id_: int, role: MessageRole, *parts: MessagePart, **fields: Any) -> Message:
    """A message of a chat."""
    return Message(id=id_, chat_id="c", created_at=NOW, role=role, parts=parts, **fields)


def user(id_: int, text: str = "hello") -> Message:
    """What a user said."""
    return message(id_, MessageRole.USER, Text(text=text))


def answer(id_: int, text: str = "hi", tokens: int = 0, *calls: str) -> Message:
    """What a model said to a prompt of so many tokens, and which calls it wanted."""
    parts = [ToolCall(tool_call_id=each, tool_name="t__x", args={"q": each}) for each in calls]
    usage = MessageUsage(input_tokens=tokens, total_tokens=tokens) if tokens else None
    return message(id_, MessageRole.ASSISTANT, Text(text=text), *parts, usage=usage)


def results(id_: int, *calls: str) -> Message:
    """What tools answered."""
    parts = [ToolResult(tool_call_id=each, tool_name="t__x", result=f"r-{each}") for each in calls]
    return message(id_, MessageRole.TOOL, *parts)


def summary(id_: int, covered: int, text: str = "so far", tokens: int = 0) -> Message:
    """A summary of everything up to a message."""
    part = Compaction(text=text, covered_message_id=covered)
    usage = MessageUsage(total_tokens=tokens) if tokens else None
    return message(id_, MessageRole.SYSTEM, part, usage=usage)


def told(id_: int, text: str = "Be brief.") -> Message:
    """What the model was told when the chat was started."""
    return message(id_, MessageRole.SYSTEM, Text(text=text))
