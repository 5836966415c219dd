"""Requests about model providers and models."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from ..chat_models import ProviderKind
from .base import ID, Name, Request
from .mcp_servers import OptionalURL

# RFC 9110 section 5.5: what a header's value may be made of, without blanks and beyond ASCII.
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+){1,3}-[0-9]{1,2}")
_MOST_TOKENS = 100_000_000
_MOST_MICROS = 10**12


def _check_base_url(url: str) -> str:
    if "?" in url:
        raise ValueError("must not have a query: paths are appended to it")
    return url.rstrip("/")


def _check_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if text and not _KEY.fullmatch(text):
        raise ValueError("must be at most 4096 characters of ASCII without blanks")
    return SecretStr(text)


def _check_region(region: str) -> str:
    if region and not _REGION.fullmatch(region):
        raise ValueError("must be an AWS region, such as eu-central-1")
    return region


BaseURL = Annotated[OptionalURL, AfterValidator(_check_base_url)]
"""What the provider's paths are appended to, such as `https://api.openai.com/v1`."""
APIKey = Annotated[SecretStr, AfterValidator(_check_key)]
Region = Annotated[str, StringConstraints(max_length=32), AfterValidator(_check_region)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""What the provider calls it."""
TokenCount = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]
OptionalTokenCount = Annotated[int, Field(ge=0, le=_MOST_TOKENS)]
Percent = Annotated[int, Field(ge=1, le=100)]
Price = Annotated[int, Field(ge=0, le=_MOST_MICROS)]
"""In micro-dollars for a million tokens: 2500000 is $2.50."""


class CreateChatProviderConfigRequest(Request):
    """A new model provider; `base_url` is the provider's own when empty."""

    provider: ProviderKind
    display_name: Name
    base_url: BaseURL = ""
    api_key: APIKey = SecretStr("")
    region: Region = ""
    """Bedrock's."""
    enabled: bool = True


class UpdateChatProviderConfigRequest(Request):
    """Changes to a model provider: what is absent or null stays; an empty `api_key` goes.

    Another `base_url` or `provider` ends the key, unless a new one comes along: it must never be
    sent to where it was not meant for.
    """

    provider: ProviderKind | None = None
    display_name: Name | None = None
    base_url: BaseURL | None = None
    api_key: APIKey | None = None
    region: Region | None = None
    enabled: bool | None = None


class CreateChatModelConfigRequest(Request):
    """A new model for chats; the first is the default unless `is_default` is false."""

    provider_id: ID
    model: ModelName
    display_name: Name | None = None
    """The model's name when absent."""
    enabled: bool = True
    is_default: bool | None = None
    context_limit: TokenCount
    compression_threshold: Percent = 70
    """When a conversation is condensed: percent of the context limit."""
    max_output_tokens: OptionalTokenCount | None = None
    """Of one answer; the provider's own limit when absent or 0."""
    input_price: Price = 0
    output_price: Price = 0
    cache_read_price: Price | None = None
    """As `input_price` when absent."""
    cache_creation_price: Price | None = None
    """As `input_price` when absent."""


class UpdateChatModelConfigRequest(Request):
    """Changes to a model: what is absent or null stays.

    With `is_default` it takes the place of the present default model.
    """

    provider_id: ID | None = None
    model: ModelName | None = None
    display_name: Name | None = None
    enabled: bool | None = None
    is_default: bool | None = None
    context_limit: TokenCount | None = None
    compression_threshold: Percent | None = None
    max_output_tokens: OptionalTokenCount | None = None
    input_price: Price | None = None
    output_price: Price | None = None
    cache_read_price: Price | None = None
    cache_creation_price: Price | None = None
