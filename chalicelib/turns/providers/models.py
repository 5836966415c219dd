"""What a model is asked and what it answers, whichever API carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib.sdk.chat_models import ProviderKind


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """Where a request goes.

    Attributes:
        kind: the API.
        base_url: what the API's paths are appended to; empty: the provider's own.
        api_key: may be empty: no key is sent then, and Bedrock is called with our role.
        region: of Bedrock.
    """

    kind: ProviderKind
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    region: str = ""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Something written."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture; what a model cannot look at is told to it in words."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A tool that the model wants to be called; also an event of its answer.

    Attributes:
        id: unique and ours: providers' own may repeat, or hold any characters.
        name: as the model wrote it, at most 256 characters; perhaps of no tool at all.
        arguments: JSON text as the model wrote it, perhaps none; `{}` if it wrote nothing.
    """

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What became of a tool call."""

    tool_call_id: str
    name: str
    text: str = field(repr=False)
    is_error: bool = False
    images: tuple[ImagePart, ...] = ()


Part = TextPart | ImagePart | ToolCallPart | ToolResultPart
Role = Literal["user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the conversation.

    A user's holds text and images, the assistant's text and tool calls, and one of role `tool`
    the results of the calls before it. Every call has its result before anything else is said.
    """

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may call; `input_schema` is JSON Schema as its server sent it."""

    name: str
    description: str
    input_schema: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model.

    Attributes:
        model: the provider's name for it.
        system: instructions; may be empty.
        messages: the conversation, oldest first.
        tools: what the model may call.
        max_output_tokens: None leaves it to the provider, or where one must be said, to us.
    """

    model: str
    system: str = field(repr=False)
    messages: tuple[PromptMessage, ...] = field(repr=False)
    tools: tuple[ToolSpec, ...] = field(default=(), repr=False)
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; the four that are paid for do not overlap, whatever the provider's own habit.

    Attributes:
        input_tokens: of the prompt, without those read from or written to a cache.
        output_tokens: of the answer, with the reasoning.
        reasoning_tokens: those of `output_tokens` that were reasoning, as far as told.
        cache_read_tokens: of the prompt, found in the provider's cache.
        cache_creation_tokens: of the prompt, written to the provider's cache.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt: what counts against the context limit."""
        return self.input_tokens + self.cache_read_tokens + self.cache_creation_tokens


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of what the model thinks before it answers."""

    text: str = field(repr=False)


FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every whole answer.

    With `tool_calls` at least one `ToolCallPart` came before; with the other reasons none did: a
    call in an answer that was cut off may be half of one.
    """

    reason: FinishReason
    usage: Usage


Event = TextDelta | ReasoningDelta | ToolCallPart | Finished
