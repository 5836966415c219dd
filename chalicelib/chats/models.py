"""Chats and messages as they are kept."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.sdk.chats import ChatStatus, MessageRole

TITLE_CHARACTERS = 80
_DEFAULT_TITLE = "New Chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation of one owner in one organisation."""

    id: str
    owner_id: str
    organization_id: str
    title: str
    status: ChatStatus
    mcp_server_ids: tuple[str, ...]
    last_message_id: int
    created_at: datetime
    updated_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a chat: pieces of text, for now."""

    id: int
    chat_id: str
    created_by: str
    created_at: datetime
    role: MessageRole
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of a chat, and whether there are more in that direction."""

    messages: tuple[Message, ...]
    has_more: bool


def build_title(text: str) -> str:
    """A title from the first line of a chat's first text, cut at a word."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    if len(line) <= TITLE_CHARACTERS:
        return line or _DEFAULT_TITLE
    cut = line[:TITLE_CHARACTERS]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut) + "…"
