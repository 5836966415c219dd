"""Model providers, and the models of theirs that chats may use."""

from datetime import datetime
from enum import StrEnum

from .base import Reply


class ProviderKind(StrEnum):
    """Which API a model provider speaks."""

    OPENAI = "openai"
    """OpenAI's Chat Completions, and whatever is compatible with it."""
    ANTHROPIC = "anthropic"
    """Anthropic's Messages."""
    BEDROCK = "bedrock"
    """Amazon Bedrock's Converse."""


class ChatProviderConfig(Reply):
    """A model provider; of its key only whether there is one."""

    id: str
    provider: ProviderKind
    display_name: str
    base_url: str
    region: str
    has_api_key: bool
    enabled: bool
    api_key_cleared: bool | None = None
    """Said by the change that ended the key because the provider leads elsewhere now."""
    created_at: datetime
    updated_at: datetime


class ChatModelConfig(Reply):
    """A model as its admins see it; prices are in micro-dollars for a million tokens."""

    id: str
    provider_id: str
    provider: ProviderKind
    model: str
    display_name: str
    enabled: bool
    is_default: bool
    context_limit: int
    compression_threshold: int
    max_output_tokens: int | None = None
    input_price: int
    output_price: int
    cache_read_price: int | None = None
    cache_creation_price: int | None = None
    created_at: datetime
    updated_at: datetime


class ChatModel(Reply):
    """A model that a chat may use; its id is what `model_config_id` takes."""

    id: str
    display_name: str
    provider: ProviderKind
    context_limit: int
    is_default: bool
