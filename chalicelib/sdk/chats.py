"""Chats and their messages (`coder-reference.md` 4.2 to 4.7); what is ours alone says so."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from .base import KnownID, Reply, TypeTag


class ChatStatus(StrEnum):
    """What a chat is doing; a chat at rest is waiting, or failed."""

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


class BusyBehavior(StrEnum):
    """What becomes of a message to a chat that is busy."""

    QUEUE = "queue"
    INTERRUPT = "interrupt"


class ServerOutcome(StrEnum):
    """What became of a server when a turn wanted its tools."""

    CONNECTED = "connected"
    CONNECT_REQUIRED = "connect_required"
    TIMEOUT = "timeout"
    ERROR = "error"
    NO_TOOLS = "no_tools"


class UploadChatFileResponse(Reply):
    """A new file."""

    id: KnownID


class ChatError(Reply):
    """Why a turn ended without an answer; `kind` is for programs."""

    message: str
    kind: str
    detail: str | None = None
    provider: str | None = None
    retryable: bool = False
    status_code: int | None = None


class PendingToolCall(Reply):
    """A tool call that waits for the owner's decision. Ours."""

    tool_call_id: str
    tool_name: str
    mcp_server_config_id: KnownID | None = None


class Chat(Reply):
    """A chat, as its owner sees it."""

    id: KnownID
    owner_id: KnownID
    organization_id: KnownID
    workspace_id: KnownID | None = None
    last_model_config_id: KnownID | None = None
    title: str
    status: ChatStatus
    last_error: ChatError | None = None
    mcp_server_ids: list[KnownID]
    labels: dict[str, str]
    archived: bool
    pin_order: int
    has_unread: bool
    pending_tool_calls: list[PendingToolCall] = field(default_factory=list)
    """Those that wait for the owner's decision while the status is `requires_action`."""
    action_deadline: datetime | None = None
    """When calls that nobody has decided on count as denied."""
    created_at: datetime
    updated_at: datetime


ChatsByWorkspace = dict[KnownID, Chat]
"""The latest changed chat of each workspace that has one, by the workspace's id."""


class Text(Reply):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class Reasoning(Reply):
    """What a model tells of its thinking."""

    type: Literal["reasoning"] = "reasoning"
    text: str


class File(Reply):
    """An image."""

    type: Literal["file"] = "file"
    file_id: KnownID
    media_type: str


class ToolCall(Reply):
    """A model's wish to call a tool; `args` is the text itself if it is no JSON object."""

    type: Literal["tool-call"] = "tool-call"
    tool_call_id: str
    tool_name: str
    mcp_server_config_id: KnownID | None = None
    args: Any = None
    intent: str | None = None
    """What the model says it wants the tool for, where the server's admin asks for that."""


class Media(Reply):
    """An image that a tool answered with, in base64."""

    media_type: str
    data: str = field(repr=False)


class ToolResult(Reply):
    """What became of a tool call."""

    type: Literal["tool-result"] = "tool-result"
    tool_call_id: str
    tool_name: str
    mcp_server_config_id: KnownID | None = None
    result: str
    is_error: bool = False
    is_media: bool = False
    media: list[Media] = field(default_factory=list)


class ServerEvent(Reply):
    """What became of a server when its tools were wanted. Ours."""

    type: Literal["server-event"] = "server-event"
    mcp_server_config_id: KnownID
    server_name: str
    outcome: ServerOutcome
    detail: str | None = None
    connect_url: str | None = None


class Compaction(Reply):
    """A summary that stands for earlier messages, in what the model is shown. Ours."""

    type: Literal["compaction"] = "compaction"
    text: str
    covered_message_id: int
    """The last message that it stands for; later ones are shown to the model as they are."""


MessagePart = Annotated[
    Text | Reasoning | File | ToolCall | ToolResult | ServerEvent | Compaction,
    TypeTag(),
]

SpokenPart = Annotated[Text | Reasoning | ToolCall, TypeTag()]
"""What models say."""


class MessageUsage(Reply):
    """What a message cost: tokens, and millionths of a dollar."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    reasoning_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_read_tokens: int = 0
    context_limit: int | None = None
    cost_micros: int = 0


class ChatMessage(Reply):
    """A message; ids increase within a chat. What an edit took away leaves a gap."""

    id: int
    chat_id: KnownID
    created_by: KnownID | None = None
    model_config_id: KnownID | None = None
    created_at: datetime
    role: MessageRole
    content: list[MessagePart]
    usage: MessageUsage | None = None


class QueuedMessage(Reply):
    """A message that waits for its turn."""

    id: int
    chat_id: KnownID
    created_at: datetime
    content: list[MessagePart]
    model_config_id: KnownID | None = None


class ChatMessages(Reply):
    """A page of a chat's messages, newest first unless only `after_id` was given."""

    messages: list[ChatMessage]
    queued_messages: list[QueuedMessage] = field(default_factory=list)
    """Only on the first page."""
    has_more: bool


class CreateChatMessageReply(Reply):
    """What became of a message: it is one of the chat's, or waits for its turn."""

    queued: bool
    message: ChatMessage | None = None
    queued_message: QueuedMessage | None = None


class StreamEventType(StrEnum):
    """What an event of a followed chat tells."""

    MESSAGE_PART = "message_part"
    MESSAGE = "message"
    STATUS = "status"
    ERROR = "error"
    QUEUE_UPDATE = "queue_update"
    ACTION_REQUIRED = "action_required"
    PREVIEW_RESET = "preview_reset"
    HISTORY_RESET = "history_reset"


class StreamPart(Reply):
    """Text that a model has just written, for the message that it will be part of."""

    message_id: int
    role: MessageRole = MessageRole.ASSISTANT
    part: SpokenPart


class StreamEvent(Reply):
    """Something that happened in a followed chat; the member named by its type is set."""

    type: StreamEventType
    message_part: StreamPart | None = None
    message: ChatMessage | None = None
    status: ChatStatus | None = None
    error: ChatError | None = None
    queued_messages: list[QueuedMessage] | None = None
    pending_tool_calls: list[PendingToolCall] | None = None


class StreamEvents(Reply):
    """What has happened since a cursor, and the cursor to go on from."""

    events: list[StreamEvent]
    cursor: str
    status: ChatStatus


class StreamMessage(Reply):
    """What comes through a socket that follows a chat; the reference's envelope, and more.

    A `ping` says that something has happened; `GET …/events` tells what. `data` tells it itself,
    but only to whoever has seen just what was there until the cursor `since`.
    """

    type: Literal["ping", "data"]
    data: list[StreamEvent] = field(default_factory=list)
    since: str | None = None
    """The cursor that the events go on from. Ours, as what follows."""
    cursor: str | None = None
    """The cursor after them."""
    status: ChatStatus | None = None


class StreamTicket(Reply):
    """Opens one socket that follows one chat, within a minute. Ours."""

    ticket: str = field(repr=False)
    expires_at: datetime
    url: str = field(repr=False)
    """Where to open it; the chat's id and the ticket are in it."""
