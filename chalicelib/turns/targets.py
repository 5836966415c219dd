"""Between the models that admins set up and those that are called."""

import json
from collections.abc import Sequence

from chalicelib.chat_models.models import ModelConfig, UsableModel
from chalicelib.sdk.chats import MessagePart, MessageUsage, Reasoning, Text
from chalicelib.turns.providers.models import (
    ModelRequest,
    ModelTarget,
    TextPart,
    ToolResultPart,
    Usage,
)

_CHARACTERS_PER_TOKEN = 4


def build_target(usable: UsableModel) -> ModelTarget:
    """Where requests to a model go, and with what."""
    provider = usable.provider
    return ModelTarget(
        kind=provider.kind,
        base_url=provider.base_url,
        api_key=usable.api_key,
        region=provider.region,
    )


def estimate(request: ModelRequest, parts: Sequence[MessagePart]) -> Usage:
    """What an answer took that was stopped before its provider told: four characters a token."""
    shown = [
        part.text
        for each in request.messages
        for part in each.parts
        if isinstance(part, TextPart | ToolResultPart)
    ]
    tools = [tool.description + json.dumps(tool.input_schema) for tool in request.tools]
    said = [part.text for part in parts if isinstance(part, Text | Reasoning)]
    return Usage(
        input_tokens=len("".join([request.system, *shown, *tools])) // _CHARACTERS_PER_TOKEN,
        output_tokens=len("".join(said)) // _CHARACTERS_PER_TOKEN,
    )


def to_usage(usage: Usage, model: ModelConfig) -> MessageUsage:
    """What an answer took, with what it cost."""
    return MessageUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.prompt_tokens + usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cache_creation_tokens=usage.cache_creation_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        context_limit=model.context_limit,
        cost_micros=model.cost(usage),
    )
