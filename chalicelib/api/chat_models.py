"""Model providers, their models, and which of them a chat may use."""

from chalicelib.api.call import Call
from chalicelib.api.model_wire import to_chat_model, to_model_config, to_provider
from chalicelib.api.preconditions import build_etag, parse_if_match
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.chat_models.configs import ConfigView
from chalicelib.chat_models.models import Provider
from chalicelib.sdk import requests
from chalicelib.sdk.chat_models import ChatModel, ChatModelConfig, ChatProviderConfig


def list_chat_models(call: Call) -> Reply:
    """The models that a chat may use, the default first."""
    return json_reply([to_chat_model(*each) for each in call.services.models.list_usable()])


def list_chat_providers(call: Call) -> Reply:
    """Every model provider."""
    found = call.services.model_providers.list_all(call.actor)
    return json_reply([to_provider(each) for each in found])


def create_chat_provider(call: Call) -> Reply:
    """Add a model provider."""
    request = call.body(requests.chat_models.CreateChatProviderConfigRequest)
    return _provider_reply(call.services.model_providers.create(call.actor, request), 201)


def get_chat_provider(call: Call, provider_id: str) -> Reply:
    """One model provider."""
    return _provider_reply(call.services.model_providers.get(call.actor, provider_id))


def update_chat_provider(call: Call, provider_id: str) -> Reply:
    """Change a model provider; with `If-Match` only the version that the caller read."""
    versions = parse_if_match(call.header("if-match"))
    request = call.body(requests.chat_models.UpdateChatProviderConfigRequest)
    change = call.services.model_providers.update(call.actor, provider_id, request, versions)
    return _provider_reply(change.provider, key_cleared=change.key_cleared)


def delete_chat_provider(call: Call, provider_id: str) -> Reply:
    """Remove a model provider that has no models; `If-Match` as for a change."""
    versions = parse_if_match(call.header("if-match"))
    call.services.model_providers.delete(call.actor, provider_id, versions)
    return Reply(204)


def list_chat_model_configs(call: Call) -> Reply:
    """Every model, disabled ones too."""
    found = call.services.model_configs.list_all(call.actor)
    return json_reply([to_model_config(*each) for each in found])


def create_chat_model_config(call: Call) -> Reply:
    """Add a model."""
    request = call.body(requests.chat_models.CreateChatModelConfigRequest)
    return _config_reply(call.services.model_configs.create(call.actor, request), 201)


def get_chat_model_config(call: Call, config_id: str) -> Reply:
    """One model."""
    return _config_reply(call.services.model_configs.get(call.actor, config_id))


def update_chat_model_config(call: Call, config_id: str) -> Reply:
    """Change a model; with `If-Match` only the version that the caller read."""
    versions = parse_if_match(call.header("if-match"))
    request = call.body(requests.chat_models.UpdateChatModelConfigRequest)
    return _config_reply(
        call.services.model_configs.update(call.actor, config_id, request, versions)
    )


def delete_chat_model_config(call: Call, config_id: str) -> Reply:
    """Remove a model; `If-Match` as for a change."""
    versions = parse_if_match(call.header("if-match"))
    call.services.model_configs.delete(call.actor, config_id, versions)
    return Reply(204)


def _provider_reply(provider: Provider, status: int = 200, *, key_cleared: bool = False) -> Reply:
    """One provider, with the version that a change can insist on."""
    reply = json_reply(to_provider(provider, key_cleared=key_cleared), status)
    reply.headers["ETag"] = build_etag(provider.version)
    return reply


def _config_reply(view: ConfigView, status: int = 200) -> Reply:
    """One model, with the version that a change can insist on."""
    reply = json_reply(to_model_config(*view), status)
    reply.headers["ETag"] = build_etag(view[0].version)
    return reply


_CHATS = "/api/experimental/chats"
_PROVIDERS = f"{_CHATS}/providers"
_PROVIDER = f"{_PROVIDERS}/{{provider_id}}"
_CONFIGS = f"{_CHATS}/model-configs"
_CONFIG = f"{_CONFIGS}/{{config_id}}"
ROUTES = (
    Route("GET", f"{_CHATS}/models", list_chat_models, reply=list[ChatModel]),
    Route("GET", _PROVIDERS, list_chat_providers, reply=list[ChatProviderConfig]),
    Route(
        "POST",
        _PROVIDERS,
        create_chat_provider,
        creates=True,
        body=lambda: requests.chat_models.CreateChatProviderConfigRequest,
        reply=ChatProviderConfig,
        status=201,
        headers=("ETag",),
    ),
    Route("GET", _PROVIDER, get_chat_provider, reply=ChatProviderConfig, headers=("ETag",)),
    Route(
        "PATCH",
        _PROVIDER,
        update_chat_provider,
        conditional=True,
        body=lambda: requests.chat_models.UpdateChatProviderConfigRequest,
        reply=ChatProviderConfig,
        headers=("ETag",),
    ),
    Route("DELETE", _PROVIDER, delete_chat_provider, conditional=True, status=204),
    Route("GET", _CONFIGS, list_chat_model_configs, reply=list[ChatModelConfig]),
    Route(
        "POST",
        _CONFIGS,
        create_chat_model_config,
        creates=True,
        body=lambda: requests.chat_models.CreateChatModelConfigRequest,
        reply=ChatModelConfig,
        status=201,
        headers=("ETag",),
    ),
    Route("GET", _CONFIG, get_chat_model_config, reply=ChatModelConfig, headers=("ETag",)),
    Route(
        "PATCH",
        _CONFIG,
        update_chat_model_config,
        conditional=True,
        body=lambda: requests.chat_models.UpdateChatModelConfigRequest,
        reply=ChatModelConfig,
        headers=("ETag",),
    ),
    Route("DELETE", _CONFIG, delete_chat_model_config, conditional=True, status=204),
)
