"""What the APIs ask of a prompt, whichever way it was made: their refusals would end the chat."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from chalicelib.egress import parse_json
from chalicelib.turns.providers.models import (
    ImagePart,
    ModelRequest,
    PromptMessage,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)

IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_NOT_IN_NAMES = re.compile("[^a-zA-Z0-9_-]")
_NOT_SCHEMAS = frozenset({"const", "default", "enum", "example", "examples"})
_COMBINED = ("allOf", "anyOf", "oneOf")
EARLIER: Final = "(The conversation began earlier.)"


def to_json(value: Any) -> bytes:
    """A request's body."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def sendable_name(name: str) -> str:
    """A tool's name in every API's alphabet: a model may have made up one that is not."""
    return _NOT_IN_NAMES.sub("_", name)[:64] or "unknown"


def sendable_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's parameters as every API takes them: an object, nothing combined at the top.

    `required: null` is no JSON Schema, but servers send it. OpenAI and Anthropic refuse `anyOf`
    and the like at the top; the properties that they name are kept, as optional ones.
    """
    cleaned: dict[str, Any] = _without_null_required(dict(schema))
    properties: dict[str, Any] = {}
    for keyword in _COMBINED:
        for branch in cleaned.pop(keyword, None) or ():
            found = branch.get("properties") if isinstance(branch, Mapping) else None
            properties |= found if isinstance(found, Mapping) else {}
    for keyword in ("enum", "not", "const"):
        cleaned.pop(keyword, None)
    own = cleaned.get("properties")
    properties |= own if isinstance(own, Mapping) else {}
    return {**cleaned, "type": "object", "properties": properties}


def _without_null_required(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: []
            if key == "required" and each is None
            else (each if key in _NOT_SCHEMAS else _without_null_required(each))
            for key, each in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_null_required(each) for each in value]
    return value


def sendable_arguments(call: ToolCallPart) -> dict[str, Any]:
    """A call's arguments as an object, which not every model writes; it sees what it wrote."""
    try:
        arguments = parse_json(call.arguments)
    except ValueError:
        arguments = None
    return arguments if isinstance(arguments, dict) else {"invalid_arguments": call.arguments}


def result_text(result: ToolResultPart) -> str:
    """A result's text; the APIs refuse blank ones."""
    return result.text if result.text.strip() else "(no output)"


def unseen(image: ImagePart) -> str:
    """What a model is told in place of an image of a type that it cannot be shown."""
    return f"(An image of type {image.media_type}, which cannot be shown to the model.)"


def to_base64(data: bytes) -> str:
    """As JSON carries bytes."""
    return base64.b64encode(data).decode("ascii")


def offered_tools(request: ModelRequest) -> tuple[ToolSpec, ...]:
    """The tools of the request, or if it has none, those that the conversation has used.

    Anthropic and Bedrock refuse calls and results in a request that defines no tool.
    """
    if request.tools:
        return request.tools
    names = {
        sendable_name(part.name): None
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCallPart | ToolResultPart)
    }
    return tuple(ToolSpec(name, "Not available any more: do not call it.", {}) for name in names)


Block = dict[str, Any]
Turn = tuple[Literal["user", "assistant"], list[Block]]


def alternate(messages: Iterable[tuple[PromptMessage, list[Block]]], opening: Block) -> list[Turn]:
    """Messages and their blocks as turns of user and assistant, of at least one block each.

    Tool results are the user's. Messages of one side are merged. The user's side begins, with
    `opening` if it said nothing before the assistant.
    """
    turns: list[Turn] = []
    for message, blocks in messages:
        role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
        if blocks and turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    return turns if turns and turns[0][0] == "user" else [("user", [opening]), *turns]
