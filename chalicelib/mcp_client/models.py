import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from chalicelib.sdk.mcp_tools import Elicitation

CALL_SECONDS: Final = 25.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its server describes it.

    `input_schema` is JSON Schema exactly as sent: never completed, and its `$ref`s never followed.
    """

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any]

    @property
    def hash(self) -> str:
        """SHA-256 of everything that a model or a person is told of the tool, as canonical JSON.

        The title and the annotations count: by them people and clients decide what to let through.
        """
        told = [self.name, self.title, self.description, self.input_schema, self.annotations]
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolListing:
    """The tools of one server, as one user sees them.

    Attributes:
        tools: in the server's order, each name once.
        lifetime: how long the server wants them to be reused; zero: not at all.
        is_public: whether the server says that all users see the same.
        size: bytes that the server sent for it.
    """

    tools: tuple[Tool, ...]
    lifetime: timedelta = timedelta(0)
    is_public: bool = False
    size: int = 0

    def find(self, name: str) -> Tool | None:
        """A tool by its exact name."""
        return next((tool for tool in self.tools if tool.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of one tool, or the next round of one that the server wanted to know more for."""

    name: str
    arguments: Mapping[str, Any] = field(repr=False)
    elicitation: Elicitation = Elicitation.NONE
    input_responses: Mapping[str, Any] | None = field(default=None, repr=False)
    request_state: str | None = field(default=None, repr=False)
    approved: bool = False
    """Whether the user has seen this very call and agreed to it."""
    id: str = ""
    """The same for every try of one call, so that a server can tell a repetition; or a new one."""
    seconds: float = CALL_SECONDS
    """For everything together: refreshing the token, listing, and the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool answered; or, if `input_requests` or `request_state` is set, wants to know.

    Everything is as the server sent it. A tool that failed has an answer, too: `is_error`.
    """

    content: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    structured_content: Any = field(default=None, repr=False)
    is_error: bool = False
    is_complete: bool = True
    input_requests: dict[str, Any] | None = field(default=None, repr=False)
    request_state: str | None = field(default=None, repr=False)
