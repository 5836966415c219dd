"""A conversation through the SDK, as it is followed: who said what, and when."""

import time
from dataclasses import dataclass, field

from chalicelib.sdk import Client
from chalicelib.sdk.chat_session import ChatSession
from chalicelib.sdk.chats import (
    ChatMessage,
    ChatStatus,
    MessageRole,
    StreamEventType,
    Text,
    ToolResult,
)
from chalicelib.sdk.requests.chats import CreateChatRequest, TextPart

_SPOKEN = {StreamEventType.MESSAGE_PART, StreamEventType.MESSAGE}


@dataclass
class Answered:
    """What came of a question.

    Attributes:
        messages: all that came while the chat was followed.
        status: of the chat, in the end.
        first: seconds from before the sending until the model's first part had come.
        final: seconds until the turn was over.
    """

    messages: list[ChatMessage] = field(default_factory=list)
    status: ChatStatus | None = None
    first: float = 0.0
    final: float = 0.0

    @property
    def text(self) -> str:
        """The model's last words."""
        said = [each for each in self.messages if each.role is MessageRole.ASSISTANT]
        return "".join(part.text for part in said[-1].content if isinstance(part, Text))

    @property
    def results(self) -> list[ToolResult]:
        """What tools have answered."""
        parts = [part for each in self.messages for part in each.content]
        return [part for part in parts if isinstance(part, ToolResult)]


def start(client: Client, question: str, server_id: str) -> tuple[ChatSession, Answered]:
    """Start a chat in the default organisation, with one server, and follow it to its rest."""
    organization_id = client.list_organizations()[0].id
    began = time.perf_counter()
    chat = client.experimental.create_chat(
        CreateChatRequest(
            organization_id=organization_id,
            mcp_server_ids=[server_id],
            content=[TextPart(type="text", text=question)],
        )
    )
    session = client.experimental.chat(chat.id)
    return session, follow(session, began)


def ask(session: ChatSession, question: str) -> Answered:
    """Say something in a chat, and follow it to its rest."""
    began = time.perf_counter()
    session.send(question)
    return follow(session, began)


def follow(session: ChatSession, began: float) -> Answered:
    """What happens until the chat is at rest."""
    answered = Answered()
    for event in session.stream():
        message, part = event.message, event.message_part
        if message:
            answered.messages.append(message)
        is_models = part or (message and message.role is MessageRole.ASSISTANT)
        if event.type in _SPOKEN and is_models and not answered.first:
            answered.first = time.perf_counter() - began
        answered.status = event.status or answered.status
    answered.final = time.perf_counter() - began
    return answered
