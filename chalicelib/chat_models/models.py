"""Model providers and their models, as admins set them up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chalicelib.sdk.chat_models import ProviderKind

_PRICED_TOKENS = 1_000_000


class TokenUsage(Protocol):
    """What a model call has used; no token counts twice.

    `input_tokens` leaves out those that were read from the provider's cache or written to it;
    `output_tokens` has those that the model reasoned with.
    """

    @property
    def input_tokens(self) -> int:
        """Of the prompt, beside the cache's."""
        ...

    @property
    def output_tokens(self) -> int:
        """Of the answer."""
        ...

    @property
    def cache_read_tokens(self) -> int:
        """Of the prompt, read from the cache."""
        ...

    @property
    def cache_creation_tokens(self) -> int:
        """Of the prompt, written to the cache."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where models are, and what we authenticate with there."""

    id: str
    kind: ProviderKind
    display_name: str
    base_url: str
    """Never empty: where the admin names none, the provider's own."""
    api_key: bytes = field(repr=False)
    """Sealed; empty if there is none."""
    region: str
    """Bedrock's; empty for the others."""
    enabled: bool
    created_by: str
    updated_by: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    """Counts writes; a writer states the version that it read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A model that chats may use. Prices are in micro-dollars for a million tokens."""

    id: str
    provider_id: str
    model: str
    """What the provider calls it."""
    display_name: str
    enabled: bool
    is_default: bool
    """At most one is: it is stored beside the models, not with each."""
    context_limit: int
    compression_threshold: int
    """When a conversation is condensed: percent of the context limit."""
    max_output_tokens: int | None
    input_price: int
    output_price: int
    cache_read_price: int | None
    """None: what other input costs."""
    cache_creation_price: int | None
    """None: what other input costs."""
    created_by: str
    updated_by: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    """Counts writes, also those that make it the default or end that."""

    @property
    def compression_tokens(self) -> int:
        """From how many tokens on a conversation is condensed."""
        return self.context_limit * self.compression_threshold // 100

    def cost(self, usage: TokenUsage) -> int:
        """What a model call costs: micro-dollars, rounded up."""
        reading, writing = self.cache_read_price, self.cache_creation_price
        total = (
            usage.input_tokens * self.input_price
            + usage.output_tokens * self.output_price
            + usage.cache_read_tokens * (self.input_price if reading is None else reading)
            + usage.cache_creation_tokens * (self.input_price if writing is None else writing)
        )
        return -(-total // _PRICED_TOKENS)


@dataclass(frozen=True, slots=True)
class UsableModel:
    """A model with all that calling it takes."""

    config: ModelConfig
    provider: Provider
    api_key: str = field(repr=False)
    """Open; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All providers and models, as one query found them; both by id."""

    providers: Mapping[str, Provider]
    configs: Mapping[str, ModelConfig]

    @property
    def default(self) -> ModelConfig | None:
        """The default model, enabled or not."""
        return next((each for each in self.configs.values() if each.is_default), None)

    def is_usable(self, config: ModelConfig) -> bool:
        """Whether a model may be called: it and its provider are enabled."""
        provider = self.providers.get(config.provider_id)
        return config.enabled and provider is not None and provider.enabled

    def configs_of(self, provider_id: str) -> list[ModelConfig]:
        """The models of a provider."""
        return [each for each in self.configs.values() if each.provider_id == provider_id]


def default_base_url(kind: ProviderKind, region: str) -> str:
    """Where a kind of provider is, if an admin says nothing else."""
    if kind is ProviderKind.BEDROCK:
        return f"https://bedrock-runtime.{region}.amazonaws.com"
    if kind is ProviderKind.ANTHROPIC:
        return "https://api.anthropic.com"
    return "https://api.openai.com/v1"
