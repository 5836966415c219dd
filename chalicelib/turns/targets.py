"""Between the models that admins set up and those that are called."""

from chalicelib.chat_models.models import ModelConfig, UsableModel
from chalicelib.sdk.chats import MessageUsage
from chalicelib.turns.providers.models import ModelTarget, ProviderKind, Usage


def build_target(usable: UsableModel) -> ModelTarget:
    """Where requests to a model go, and with what."""
    provider = usable.provider
    return ModelTarget(
        kind=ProviderKind(provider.kind.value),
        base_url=provider.base_url,
        api_key=usable.api_key,
        region=provider.region,
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
