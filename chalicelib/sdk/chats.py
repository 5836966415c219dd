"""Chats and their messages (`coder-reference.md` 4.2 to 4.4)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import KnownID, Reply, Request


class ChatStatus(StrEnum):
    """What a chat is doing; a chat at rest is waiting."""

    WAITING = "waiting"
    PENDING = "pending"
    RUNNING = "running"
    INTERRUPTING = "interrupting"
    REQUIRES_ACTION = "requires_action"
    ERROR = "error"


class MessageRole(StrEnum):
    """Who a message is from."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class TextPart(Request):
    """A piece of text in a message."""

    type: Literal["text"]
    text: Annotated[str, StringConstraints(min_length=1)]


class CreateChatRequest(Request):
    """A new chat with its first message; no `mcp_server_ids` means the defaults."""

    organization_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    content: Annotated[list[TextPart], Field(min_length=1, max_length=100)]
    mcp_server_ids: (
        Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=500)]
        | None
    ) = None


class Chat(Reply):
    """A chat, as its owner sees it."""

    id: KnownID
    owner_id: KnownID
    organization_id: KnownID
    title: str
    status: ChatStatus
    mcp_server_ids: list[KnownID]
    created_at: datetime
    updated_at: datetime


class MessagePart(Reply):
    """A piece of a message's content."""

    type: Literal["text"]
    text: str


class ChatMessage(Reply):
    """A message; ids increase within a chat without gaps."""

    id: int
    chat_id: KnownID
    created_by: str
    created_at: datetime
    role: MessageRole
    content: list[MessagePart]


class ChatMessages(Reply):
    """A page of a chat's messages, newest first unless only `after_id` was given."""

    messages: list[ChatMessage]
    has_more: bool
