"""Chat Completions, as OpenAI defines it and many others speak it.

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from chalicelib.egress.sse import EventReader
from chalicelib.turns.providers.answer import Answer, as_object, as_objects, as_tokens
from chalicelib.turns.providers.failures import stream_failure
from chalicelib.turns.providers.models import (
    Event,
    FinishReason,
    ImagePart,
    ModelRequest,
    ModelTarget,
    PromptMessage,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    Usage,
)
from chalicelib.turns.providers.outgoing import Outgoing
from chalicelib.turns.providers.prompts import (
    IMAGE_TYPES,
    result_text,
    sendable_arguments,
    sendable_name,
    sendable_schema,
    to_base64,
    to_json,
    unseen,
)

_BASE_URL = "https://api.openai.com/v1"
_MAX_DESCRIPTION: Final = 1024  # OpenAI refuses longer ones: "string_above_max_length".
_REASONS: Final[dict[str, FinishReason]] = {
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "content_filter": "content_filter",
}


def build_request(target: ModelTarget, request: ModelRequest) -> Outgoing:
    """The request; without a key it is sent without one, as local servers want it."""
    base = (target.base_url or _BASE_URL).rstrip("/")
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.max_output_tokens is not None:
        # OpenAI's reasoning models refuse the old name, other servers do not know the new one.
        is_own = base.startswith("https://api.openai.com/") or ".openai.azure.com/" in base
        name = "max_completion_tokens" if is_own else "max_tokens"
        body[name] = request.max_output_tokens
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    return Outgoing(f"{base}/chat/completions", headers, to_json(body))


def read_events(chunks: Iterable[bytes], answer: Answer, provider: str) -> Iterator[Event]:
    """The answer's events, from a stream of `chat.completion.chunk`.

    Raises:
        ModelError: the stream is broken, or says that something failed.
    """
    calls = _Calls(answer)
    for event in EventReader().iter_events(chunks):
        if event.data.strip() == "[DONE]":
            break
        chunk = answer.parse(event.data)
        if chunk.get("error"):
            raise stream_failure(provider, chunk["error"])
        if usage := as_object(chunk.get("usage")):
            answer.usage = _usage(usage)
        for choice in as_objects(chunk.get("choices"))[:1]:
            yield from _read_choice(choice, answer, calls)
    yield from answer.end()


def _read_choice(choice: dict[str, Any], answer: Answer, calls: "_Calls") -> Iterator[Event]:
    delta = as_object(choice.get("delta"))
    # DeepSeek and vLLM write one name, OpenRouter the other; OpenAI tells no reasoning at all.
    yield from answer.add_reasoning(delta.get("reasoning_content") or delta.get("reasoning"))
    yield from answer.add_text(delta.get("content"))
    if delta.get("refusal"):
        calls.is_refused = True
        yield from answer.add_text(delta["refusal"])
    for call in as_objects(delta.get("tool_calls")):
        calls.add(call)
    if reason := choice.get("finish_reason"):
        known = _REASONS.get(str(reason), "stop")
        answer.finish("content_filter" if calls.is_refused else known)


class _Calls:
    """Puts the pieces of tool calls together by their index.

    Servers that only speak like OpenAI leave it out, or give all calls the same: there a new id
    begins a new call.
    """

    def __init__(self, answer: Answer) -> None:
        self.is_refused = False
        self._answer = answer
        self._open: dict[int, tuple[int, str]] = {}

    def add(self, delta: dict[str, Any]) -> None:
        """The next piece."""
        sent_index, sent_id = delta.get("index"), str(delta.get("id") or "")
        index = sent_index if isinstance(sent_index, int) else 0
        call, call_id = self._open.get(index, (-1, ""))
        if call < 0 or (sent_id and call_id and sent_id != call_id):
            call, call_id = self._answer.open_call(), sent_id
        self._open[index] = (call, call_id or sent_id)
        function = as_object(delta.get("function"))
        self._answer.name_call(call, function.get("name"))
        self._answer.add_arguments(call, function.get("arguments"))


def _usage(usage: dict[str, Any]) -> Usage:
    """OpenAI counts cached tokens among the prompt's."""
    cached = as_tokens(as_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(
        input_tokens=max(0, as_tokens(usage.get("prompt_tokens")) - cached),
        output_tokens=as_tokens(usage.get("completion_tokens")),
        reasoning_tokens=as_tokens(
            as_object(usage.get("completion_tokens_details")).get("reasoning_tokens")
        ),
        cache_read_tokens=cached,
    )


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": sendable_name(tool.name),
        "description": tool.description[:_MAX_DESCRIPTION],
        "parameters": sendable_schema(tool.input_schema),
    }
    return {"type": "function", "function": function}


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    """The conversation; tool messages hold text only, so images follow the last of a batch."""
    built: list[dict[str, Any]] = []
    if request.system.strip():
        built.append({"role": "system", "content": request.system})
    pictures: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role != "tool" and pictures:
            built.append({"role": "user", "content": pictures})
            pictures = []
        if message.role == "tool":
            for result in message.parts:
                if isinstance(result, ToolResultPart):
                    built.append(_result(result))
                    pictures += _pictures_of(result)
        elif message.role == "assistant":
            built += _assistant(message)
        else:
            built += _user(message)
    return [*built, {"role": "user", "content": pictures}] if pictures else built


def _result(result: ToolResultPart) -> dict[str, Any]:
    """There is no member for failures; the text says it."""
    text = result_text(result)
    content = f"Error: {text}" if result.is_error else text
    return {"role": "tool", "tool_call_id": result.tool_call_id, "content": content}


def _pictures_of(result: ToolResultPart) -> list[dict[str, Any]]:
    if not result.images:
        return []
    intro = f"Images of the result of {sendable_name(result.name)} ({result.tool_call_id}):"
    return [{"type": "text", "text": intro}, *(_image(image) for image in result.images)]


def _assistant(message: PromptMessage) -> list[dict[str, Any]]:
    text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
    if not text and not calls:
        return []
    built: dict[str, Any] = {"role": "assistant", "content": text or None}
    return [{**built, "tool_calls": calls} if calls else built]


def _call(call: ToolCallPart) -> dict[str, Any]:
    arguments = to_json(sendable_arguments(call)).decode()
    function = {"name": sendable_name(call.name), "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _user(message: PromptMessage) -> list[dict[str, Any]]:
    """Text alone is sent as a string: servers of models without eyes know nothing else."""
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return [{"role": "user", "content": "\n\n".join(texts)}] if texts else []
    content = [
        _image(part) if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
        for part in message.parts
        if isinstance(part, ImagePart | TextPart)
    ]
    return [{"role": "user", "content": content}]


def _image(image: ImagePart) -> dict[str, Any]:
    if image.media_type not in IMAGE_TYPES:
        return {"type": "text", "text": unseen(image)}
    url = f"data:{image.media_type};base64,{to_base64(image.data)}"
    return {"type": "image_url", "image_url": {"url": url}}
