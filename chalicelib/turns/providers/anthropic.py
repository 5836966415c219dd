"""Anthropic's Messages API.

https://platform.claude.com/docs/en/api/messages and .../build-with-claude/streaming
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from chalicelib.egress.sse import EventReader
from chalicelib.turns.providers.answer import Answer, as_object, as_tokens
from chalicelib.turns.providers.failures import stream_failure
from chalicelib.turns.providers.models import (
    Event,
    FinishReason,
    ImagePart,
    ModelRequest,
    ModelTarget,
    Part,
    TextPart,
    ToolCallPart,
    Usage,
)
from chalicelib.turns.providers.outgoing import Outgoing
from chalicelib.turns.providers.prompts import (
    EARLIER,
    IMAGE_TYPES,
    alternate,
    offered_tools,
    result_text,
    sendable_arguments,
    sendable_name,
    sendable_schema,
    to_base64,
    to_json,
    unseen,
)

_BASE_URL = "https://api.anthropic.com"
_VERSION = "2023-06-01"
_MAX_TOKENS: Final = 8192  # The API wants a number; every model that is offered can do this one.
_CACHED: Final = {"cache_control": {"type": "ephemeral"}}
_REASONS: Final[dict[str, FinishReason]] = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def build_request(target: ModelTarget, request: ModelRequest) -> Outgoing:
    """The request; the base URL may end in `/v1` or not.

    The prompt is marked to be cached up to its end, which the next step of a turn begins with.
    """
    base = (target.base_url or _BASE_URL).rstrip("/").removesuffix("/v1")
    turns = alternate(
        ((message, [*_blocks(message.parts)]) for message in request.messages), _text(EARLIER)
    )
    turns[-1][1][-1] |= _CACHED
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_output_tokens or _MAX_TOKENS,
        "messages": [{"role": role, "content": blocks} for role, blocks in turns],
        "stream": True,
    }
    if request.system.strip():
        body["system"] = [_text(request.system) | _CACHED]
    if tools := offered_tools(request):
        body["tools"] = [
            {
                "name": sendable_name(tool.name),
                "description": tool.description,
                "input_schema": sendable_schema(tool.input_schema),
            }
            for tool in tools
        ]
        if not request.tools:
            body["tool_choice"] = {"type": "none"}
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "anthropic-version": _VERSION,
    }
    if target.api_key:
        headers["x-api-key"] = target.api_key
    return Outgoing(f"{base}/v1/messages", headers, to_json(body))


def read_events(chunks: Iterable[bytes], answer: Answer, provider: str) -> Iterator[Event]:
    """The answer's events; of those that this does not know nothing is made.

    Raises:
        ModelError: the stream is broken, or says that something failed.
    """
    reader = _Reader(answer)
    for event in EventReader().iter_events(chunks):
        sent = answer.parse(event.data)
        if sent.get("type") == "error":
            raise stream_failure(provider, sent.get("error"))
        if sent.get("type") == "message_stop":
            break
        yield from reader.read(sent)
    yield from answer.end()


class _Reader:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._usage: dict[str, Any] = {}
        self._calls: dict[str, int] = {}

    def read(self, sent: dict[str, Any]) -> Iterator[Event]:
        match sent.get("type"):
            case "message_start":
                self._add_usage(as_object(sent.get("message")).get("usage"))
            case "content_block_start":
                yield from self._start(str(sent.get("index")), as_object(sent.get("content_block")))
            case "content_block_delta":
                yield from self._grow(str(sent.get("index")), as_object(sent.get("delta")))
            case "message_delta":
                self._add_usage(sent.get("usage"))
                if reason := as_object(sent.get("delta")).get("stop_reason"):
                    self._answer.finish(_REASONS.get(str(reason), "stop"))

    def _start(self, index: str, block: dict[str, Any]) -> Iterator[Event]:
        if block.get("type") == "tool_use":
            self._calls[index] = self._answer.open_call()
            self._answer.name_call(self._calls[index], block.get("name"))
        elif block.get("type") == "text":
            yield from self._answer.add_text(block.get("text"))

    def _grow(self, index: str, delta: dict[str, Any]) -> Iterator[Event]:
        match delta.get("type"):
            case "text_delta":
                yield from self._answer.add_text(delta.get("text"))
            case "thinking_delta":
                yield from self._answer.add_reasoning(delta.get("thinking"))
            case "input_json_delta" if index in self._calls:  # Others are the provider's own tools.
                self._answer.add_arguments(self._calls[index], delta.get("partial_json"))

    def _add_usage(self, usage: Any) -> None:
        """Cumulative: what is told again replaces what was told first."""
        told = as_object(usage)
        self._usage |= {name: value for name, value in told.items() if value is not None}
        self._answer.usage = _usage(self._usage)


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=as_tokens(usage.get("input_tokens")),
        output_tokens=as_tokens(usage.get("output_tokens")),
        cache_read_tokens=as_tokens(usage.get("cache_read_input_tokens")),
        cache_creation_tokens=as_tokens(usage.get("cache_creation_input_tokens")),
    )


def _blocks(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Blank text is refused, and says nothing."""
    for part in parts:
        if isinstance(part, TextPart):
            if part.text.strip():
                yield _text(part.text)
        elif isinstance(part, ImagePart):
            yield _image(part)
        elif isinstance(part, ToolCallPart):
            yield {
                "type": "tool_use",
                "id": part.id,
                "name": sendable_name(part.name),
                "input": sendable_arguments(part),
            }
        else:
            yield {
                "type": "tool_result",
                "tool_use_id": part.tool_call_id,
                "content": [_text(result_text(part)), *(_image(image) for image in part.images)],
                "is_error": part.is_error,
            }


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(image: ImagePart) -> dict[str, Any]:
    if image.media_type not in IMAGE_TYPES:
        return _text(unseen(image))
    data = to_base64(image.data)
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": image.media_type, "data": data},
    }
