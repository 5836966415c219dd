"""A model for the local run's chats: what the environment names, or a scripted one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from chalicelib.sdk.chat_models import (
    ChatModelConfig,
    ChatProviderConfig,
    CreateChatModelConfigRequest,
    CreateChatProviderConfigRequest,
    ProviderKind,
    UpdateChatProviderConfigRequest,
)
from chalicelib.sdk.client import Client

_URL = "https://api.openai.com/v1"
_MODEL = "gpt-4.1-mini"
_CONTEXT_LIMIT = 128_000  # What nearly every model of today can take in.


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model behind an OpenAI-compatible API."""

    base_url: str
    api_key: str = field(repr=False)
    """May be empty."""
    model: str


def find_model(environment: Mapping[str, str]) -> LocalModel | None:
    """What `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL` name, as OpenAI's SDK reads them.

    None unless the URL or the key is there.
    """
    url, key = (environment.get(name, "").strip() for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"))
    if not url and not key:
        return None
    return LocalModel(url or _URL, key, environment.get("OPENAI_MODEL", "").strip() or _MODEL)


def ensure_model(client: Client, base_url: str, api_key: str, model: str) -> ChatModelConfig:
    """See that chats have a model: add its provider and it, as the default, unless they are there.

    A provider that is there gets the key, which may be another one than at the last start; what
    else an admin has changed stays.

    Args:
        client: an owner's, of a deployment that runs.
        base_url: of an OpenAI-compatible API.
        api_key: may be empty.
        model: what the API calls it.

    Raises:
        SDKError: the deployment refuses it, or cannot be reached.
        ValidationError: the URL or the key cannot be right.
    """
    provider = _ensure_provider(client, base_url.rstrip("/"), SecretStr(api_key))
    for config in client.experimental.list_chat_model_configs():
        if (config.provider_id, config.model) == (provider.id, model):
            return config
    request = CreateChatModelConfigRequest(
        provider_id=provider.id, model=model, context_limit=_CONTEXT_LIMIT, is_default=True
    )
    return client.experimental.create_chat_model_config(request)


def _ensure_provider(client: Client, base_url: str, api_key: SecretStr) -> ChatProviderConfig:
    for provider in client.experimental.list_chat_providers():
        if (provider.provider, provider.base_url) == (ProviderKind.OPENAI, base_url):
            if not api_key.get_secret_value():
                return provider
            change = UpdateChatProviderConfigRequest(api_key=api_key)
            return client.experimental.update_chat_provider(provider.id, change)
    request = CreateChatProviderConfigRequest(
        provider=ProviderKind.OPENAI,
        display_name="OpenAI" if base_url == _URL else base_url.partition("://")[2][:128],
        base_url=base_url,
        api_key=api_key,
    )
    return client.experimental.create_chat_provider(request)
