"""Requests about chats (`coder-reference.md` 4.2 to 4.7); what is ours alone says so."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ..chats import BusyBehavior
from .base import ID, Request

_LABEL_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._/-]*")
_MOST_LABELS = 50
_LONGEST_LABEL_KEY = 64
_LONGEST_LABEL_VALUE = 256


def check_labels(labels: dict[str, str]) -> dict[str, str]:
    """Labels within the limits of `coder-reference.md` 4.5.

    Raises:
        ValueError: there are too many, or one is malformed or too long.
    """
    if len(labels) > _MOST_LABELS:
        raise ValueError(f"must be at most {_MOST_LABELS} labels")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or len(key) > _LONGEST_LABEL_KEY:
            raise ValueError(
                f"keys must start with a letter or digit, go on with those or any of ._/- "
                f"and have at most {_LONGEST_LABEL_KEY} characters"
            )
        if not value or len(value.encode()) > _LONGEST_LABEL_VALUE:
            raise ValueError(f"values must have 1 to {_LONGEST_LABEL_VALUE} bytes")
    return labels


Labels = Annotated[dict[str, str], AfterValidator(check_labels)]


class TextPart(Request):
    """A piece of text in a message."""

    type: Literal["text"]
    text: Annotated[str, StringConstraints(min_length=1)]


class FilePart(Request):
    """An image that was uploaded before."""

    type: Literal["file"]
    file_id: ID


InputPart = Annotated[TextPart | FilePart, Field(discriminator="type")]
Content = Annotated[list[InputPart], Field(min_length=1, max_length=100)]
ServerIDs = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=500)]


class CreateChatRequest(Request):
    """A new chat with its first message; no `mcp_server_ids` means the defaults."""

    organization_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    content: Content
    system_prompt: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    workspace_id: ID | None = None
    model_config_id: ID | None = None
    mcp_server_ids: ServerIDs | None = None
    labels: Labels | None = None


class UpdateChatRequest(Request):
    """Changes of a chat; what is absent stays.

    `mcp_server_ids` and `has_unread` are ours. `pin_order` 0 unpins.
    """

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    archived: bool | None = None
    pin_order: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    labels: Labels | None = None
    mcp_server_ids: ServerIDs | None = None
    has_unread: bool | None = None


class CreateChatMessageRequest(Request):
    """A message to a chat; no `mcp_server_ids` changes nothing, `[]` deselects all."""

    content: Content
    model_config_id: ID | None = None
    mcp_server_ids: ServerIDs | None = None
    busy_behavior: BusyBehavior = Field(default=BusyBehavior.QUEUE, strict=False)


class EditChatMessageRequest(Request):
    """A message in the place of one that was sent; all that came after it goes."""

    content: Content
    model_config_id: ID | None = None
    mcp_server_ids: ServerIDs | None = None


class ToolDecision(Request):
    """Whether a tool may be called, as the chat's owner decides. Ours."""

    tool_call_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    approved: bool


class DecideToolCallsRequest(Request):
    """Decisions on tool calls that wait for one. Ours."""

    decisions: Annotated[list[ToolDecision], Field(min_length=1, max_length=128)]
