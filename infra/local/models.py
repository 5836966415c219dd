"""A model for the local run's chats: what the environment names, or a scripted one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from chalicelib.sdk.chat_models import ChatModelConfig, ChatProviderConfig, ProviderKind
from chalicelib.sdk.client import Client
from chalicelib.sdk.requests.chat_models import (
    CreateChatModelConfigRequest,
    CreateChatProviderConfigRequest,
    UpdateChatModelConfigRequest,
    UpdateChatProviderConfigRequest,
)

_URL = "https://api.openai.com/v1"
_MODEL = "gpt-4.1-mini"
_CONTEXT_LIMIT = 128_000  # What nearly every model of today can take in.
_SCRIPTED = "Scripted demo model"
_SCRIPTED_MODEL = "scripted"  # As it calls itself.


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


def ensure_model(
    client: Client, base_url: str, api_key: str, model: str, name: str = ""
) -> ChatModelConfig:
    """See that chats have a model: add its provider and it, as the default, unless they are there.

    A provider that is there gets the key, which may be another one than at the last start; what
    else an admin has changed stays. Only where no default model can be used, it becomes that.

    Args:
        client: an owner's, of a deployment that runs.
        base_url: of an OpenAI-compatible API.
        api_key: may be empty.
        model: what the API calls it.
        name: what people see; what the API calls it, if it is empty.

    Raises:
        SDKError: the deployment refuses it, or cannot be reached.
        ValidationError: the URL or the key cannot be right.
    """
    chats = client.experimental
    provider = _ensure_provider(client, base_url.rstrip("/"), SecretStr(api_key), name)
    for config in chats.list_chat_model_configs():
        if (config.provider_id, config.model) == (provider.id, model):
            if any(each.is_default for each in chats.list_chat_models()):
                return config
            change = UpdateChatModelConfigRequest(is_default=True)
            return chats.update_chat_model_config(config.id, change)
    request = CreateChatModelConfigRequest(
        provider_id=provider.id,
        model=model,
        display_name=name or None,
        context_limit=_CONTEXT_LIMIT,
        is_default=True,
    )
    return chats.create_chat_model_config(request)


def ensure_scripted_model(client: Client, base_url: str) -> ChatModelConfig:
    """See that chats have the scripted model, under a name that says what it is.

    Raises:
        SDKError: the deployment refuses it, or cannot be reached.
    """
    disable_scripted_models(client, running=base_url)
    return ensure_model(client, base_url, "", _SCRIPTED_MODEL, _SCRIPTED)


def disable_scripted_models(client: Client, running: str = "") -> None:
    """Disable the scripted models of earlier runs, and enable the one that runs now.

    Nothing answers at the others' addresses any more, or something else does.

    Raises:
        SDKError: the deployment refuses it, or cannot be reached.
    """
    for provider in client.experimental.list_chat_providers():
        is_running = provider.base_url == running
        if provider.display_name == _SCRIPTED and provider.enabled != is_running:
            change = UpdateChatProviderConfigRequest(enabled=is_running)
            client.experimental.update_chat_provider(provider.id, change)


def _ensure_provider(
    client: Client, base_url: str, api_key: SecretStr, name: str
) -> ChatProviderConfig:
    for provider in client.experimental.list_chat_providers():
        if (provider.provider, provider.base_url) == (ProviderKind.OPENAI, base_url):
            if not api_key.get_secret_value():
                return provider
            change = UpdateChatProviderConfigRequest(api_key=api_key)
            return client.experimental.update_chat_provider(provider.id, change)
    request = CreateChatProviderConfigRequest(
        provider=ProviderKind.OPENAI,
        display_name=name or _name_provider(base_url),
        base_url=base_url,
        api_key=api_key,
    )
    return client.experimental.create_chat_provider(request)


def _name_provider(base_url: str) -> str:
    return "OpenAI" if base_url == _URL else base_url.partition("://")[2][:128]
