"""From the models of chats' models to wire types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.sdk import chat_models

if TYPE_CHECKING:
    from chalicelib.chat_models.models import ModelConfig, Provider


def to_provider(provider: Provider, *, key_cleared: bool = False) -> chat_models.ChatProviderConfig:
    """A model provider; of its key only whether it is set, or has just been cleared."""
    return chat_models.ChatProviderConfig(
        id=provider.id,
        provider=provider.kind,
        display_name=provider.display_name,
        base_url=provider.base_url,
        region=provider.region,
        has_api_key=bool(provider.api_key),
        enabled=provider.enabled,
        api_key_cleared=key_cleared or None,
        created_at=provider.created_at,
        updated_at=provider.updated_at,
    )


def to_model_config(config: ModelConfig, provider: Provider) -> chat_models.ChatModelConfig:
    """A model, as its admins see it."""
    return chat_models.ChatModelConfig(
        id=config.id,
        provider_id=config.provider_id,
        provider=provider.kind,
        model=config.model,
        display_name=config.display_name,
        enabled=config.enabled,
        is_default=config.is_default,
        context_limit=config.context_limit,
        compression_threshold=config.compression_threshold,
        max_output_tokens=config.max_output_tokens,
        input_price=config.input_price,
        output_price=config.output_price,
        cache_read_price=config.cache_read_price,
        cache_creation_price=config.cache_creation_price,
        created_at=config.created_at,
        updated_at=config.updated_at,
    )


def to_chat_model(config: ModelConfig, provider: Provider) -> chat_models.ChatModel:
    """A model, as whoever may choose it sees it."""
    return chat_models.ChatModel(
        id=config.id,
        display_name=config.display_name,
        provider=provider.kind,
        context_limit=config.context_limit,
        is_default=config.is_default,
    )
