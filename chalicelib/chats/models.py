"""Chats and messages as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.sdk.chats import ChatError, ChatStatus, MessagePart, MessageRole, MessageUsage, Text

TITLE_CHARACTERS = 80
MOST_QUEUED = 20
SYSTEM_PROMPT_ID = 0
"""Of the message with what the model was told when the chat was started; nobody else sees it."""
_DEFAULT_TITLE = "New Chat"


class Decision(StrEnum):
    """What the owner says to a tool call that is to be asked about first."""

    NOT_NEEDED = "not_needed"
    WAITING = "waiting"
    APPROVED = "approved"
    DENIED = "denied"


class Visibility(StrEnum):
    """Who sees a message: the owner, the model, or both."""

    BOTH = "both"
    USER = "user"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A tool call of the last assistant message that has no result yet.

    Attributes:
        tool_name: as the model knows it.
        server_id: of the server that has it; None for a tool of our own, or of nobody.
        name: as its server, or we, know it; empty if nobody does.
    """

    id: str
    tool_name: str
    name: str = ""
    server_id: str | None = None
    decision: Decision = Decision.NOT_NEEDED


@dataclass(frozen=True, slots=True)
class Lease:
    """Which worker works at a chat, and how long it may be silent."""

    holder: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation of one owner in one organisation, and where its turn stands.

    Attributes:
        hidden: ranges of message ids, both ends included, that edits took away.
        history_version: counts the edits, so that followers know to begin anew.
        queue: the ids of the messages that wait for their turn, the next one first.
        lease: of the worker that is at a step; None between steps.
        attempts: how often the present step has been begun and not ended.
        steps: how many the present turn has taken.
        open_calls: tool calls that wait for their results.
        action_deadline: when calls that wait for a decision count as denied.
        server_outcomes: what became of its servers at the last step, if not all was well.
        watched_until: when the last of the sockets that follow it is gone for certain.
        version: counts the writes; a writer states the one that it read.
    """

    id: str
    owner_id: str
    organization_id: str
    title: str
    status: ChatStatus
    mcp_server_ids: tuple[str, ...]
    last_message_id: int
    created_at: datetime
    updated_at: datetime
    workspace_id: str | None = None
    model_config_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    archived: bool = False
    pin_order: int = 0
    hidden: tuple[tuple[int, int], ...] = ()
    history_version: int = 0
    last_assistant_message_id: int = 0
    last_read_message_id: int = 0
    queue: tuple[int, ...] = ()
    last_queued_id: int = 0
    lease: Lease | None = None
    attempts: int = 0
    steps: int = 0
    open_calls: tuple[OpenCall, ...] = ()
    action_deadline: datetime | None = None
    server_outcomes: Mapping[str, str] = field(default_factory=dict)
    last_error: ChatError | None = None
    watched_until: datetime | None = None
    version: int = 1

    @property
    def has_unread(self) -> bool:
        """Whether the model has said something that the owner has not read."""
        return self.last_assistant_message_id > self.last_read_message_id

    @property
    def is_active(self) -> bool:
        """Whether a turn is under way, or waits for somebody."""
        return self.status not in {ChatStatus.WAITING, ChatStatus.ERROR}

    @property
    def waiting_calls(self) -> tuple[OpenCall, ...]:
        """The tool calls that the owner must decide on."""
        return tuple(call for call in self.open_calls if call.decision is Decision.WAITING)

    def hides(self, message_id: int) -> bool:
        """Whether an edit took a message away."""
        return any(first <= message_id <= last for first, last in self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a chat."""

    id: int
    chat_id: str
    created_at: datetime
    role: MessageRole
    parts: tuple[MessagePart, ...] = field(repr=False)
    created_by: str | None = None
    model_config_id: str | None = None
    usage: MessageUsage | None = None
    visibility: Visibility = Visibility.BOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A message that waits until the chat's turn is over."""

    id: int
    chat_id: str
    created_at: datetime
    created_by: str
    parts: tuple[MessagePart, ...] = field(repr=False)
    model_config_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What a model has just said, before the message that it is part of is committed.

    Attributes:
        holder: the lease of the step; those of another belong to an attempt that failed.
        sequence: counts the fragments of a step.
    """

    message_id: int
    holder: str
    sequence: int
    parts: tuple[MessagePart, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of a chat, and whether there are more in that direction."""

    messages: tuple[Message, ...]
    has_more: bool
    queued: tuple[Queued, ...] = ()


def build_title(text: str) -> str:
    """A title from the first line of a chat's first text, cut at a word."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    if len(line) <= TITLE_CHARACTERS:
        return line or _DEFAULT_TITLE
    cut = line[:TITLE_CHARACTERS]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut) + "…"


def find_text(parts: tuple[MessagePart, ...]) -> str:
    """The first piece of text in a message, or an empty one."""
    return next((part.text for part in parts if isinstance(part, Text)), "")
