"""Model providers, their models, and which of them a chat may use."""

from ..chat_models import ChatModel, ChatModelConfig, ChatProviderConfig
from ..connection import segment
from ..requests.chat_models import (
    CreateChatModelConfigRequest,
    CreateChatProviderConfigRequest,
    UpdateChatModelConfigRequest,
    UpdateChatProviderConfigRequest,
)
from .base import Methods

_CHATS = "/api/experimental/chats"
_PROVIDERS = f"{_CHATS}/providers"
_CONFIGS = f"{_CHATS}/model-configs"


class ChatModelMethods(Methods):
    """Models for chats; all but `list_chat_models` is for the deployment's owners."""

    def list_chat_models(self) -> list[ChatModel]:
        """The models that a chat may use, the default first."""
        return self._connection.get_list(ChatModel, f"{_CHATS}/models")

    def list_chat_providers(self) -> list[ChatProviderConfig]:
        """Every model provider."""
        return self._connection.get_list(ChatProviderConfig, _PROVIDERS)

    def get_chat_provider(self, provider_id: str) -> ChatProviderConfig:
        """One model provider."""
        return self._connection.get(ChatProviderConfig, f"{_PROVIDERS}/{segment(provider_id)}")

    def create_chat_provider(self, request: CreateChatProviderConfigRequest) -> ChatProviderConfig:
        """Add a model provider."""
        return self._connection.create(ChatProviderConfig, _PROVIDERS, request)

    def update_chat_provider(
        self,
        provider_id: str,
        request: UpdateChatProviderConfigRequest,
        *,
        etag: str | None = None,
    ) -> ChatProviderConfig:
        """Change what the request sets; with `etag` only the version that was read.

        Where the provider leads elsewhere then and no new key comes along, the old one is gone:
        `api_key_cleared` says so.

        Raises:
            ConflictError: somebody has changed it since.
        """
        path = f"{_PROVIDERS}/{segment(provider_id)}"
        return self._connection.change(ChatProviderConfig, path, request, headers=_if_match(etag))

    def delete_chat_provider(self, provider_id: str, *, etag: str | None = None) -> None:
        """Remove a model provider; `etag` as for a change.

        Raises:
            ConflictError: it has models, or somebody has changed it since.
        """
        self._connection.delete(f"{_PROVIDERS}/{segment(provider_id)}", headers=_if_match(etag))

    def list_chat_model_configs(self) -> list[ChatModelConfig]:
        """Every model, disabled ones too."""
        return self._connection.get_list(ChatModelConfig, _CONFIGS)

    def get_chat_model_config(self, config_id: str) -> ChatModelConfig:
        """One model."""
        return self._connection.get(ChatModelConfig, f"{_CONFIGS}/{segment(config_id)}")

    def create_chat_model_config(self, request: CreateChatModelConfigRequest) -> ChatModelConfig:
        """Add a model; the first is the default unless the request says otherwise."""
        return self._connection.create(ChatModelConfig, _CONFIGS, request)

    def update_chat_model_config(
        self, config_id: str, request: UpdateChatModelConfigRequest, *, etag: str | None = None
    ) -> ChatModelConfig:
        """Change what the request sets; with `etag` only the version that was read.

        Raises:
            ConflictError: somebody has changed it, or which model is the default, since.
        """
        path = f"{_CONFIGS}/{segment(config_id)}"
        return self._connection.change(ChatModelConfig, path, request, headers=_if_match(etag))

    def delete_chat_model_config(self, config_id: str, *, etag: str | None = None) -> None:
        """Remove a model; after the default one there is none. `etag` as for a change."""
        self._connection.delete(f"{_CONFIGS}/{segment(config_id)}", headers=_if_match(etag))


def _if_match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}
