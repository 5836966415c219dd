"""Models that chats may use: which ones, within which limits, at which prices."""

from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.audit import Action
from chalicelib.chat_models.auditing import did_to_config
from chalicelib.chat_models.errors import (
    InvalidModelConfigError,
    InvalidModelConfigIDError,
    ModelConfigChangedError,
    ModelConfigNotFoundError,
    TooManyModelConfigsError,
)
from chalicelib.chat_models.models import Catalog, ModelConfig, Provider
from chalicelib.chat_models.repository import ChatModelRepository
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.primitives import Clock, new_id, parse_id

if TYPE_CHECKING:
    from chalicelib.sdk.requests.chat_models import (
        CreateChatModelConfigRequest,
        UpdateChatModelConfigRequest,
    )

_MOST_CONFIGS = 100  # All of them are read with each choice of a model.
_FIELDS = (
    *("provider_id", "model", "display_name", "enabled", "context_limit"),
    *("compression_threshold", "max_output_tokens", "input_price", "output_price"),
    *("cache_read_price", "cache_creation_price"),
)

ConfigView = tuple[ModelConfig, Provider]
"""A model, and whose it is."""


class ModelConfigService:
    """Manages models; lives as long as the container."""

    def __init__(self, repository: ChatModelRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    def list_all(self, actor: Actor) -> list[ConfigView]:
        """Every model, disabled ones too, by display name.

        Raises:
            NotAllowedError: the actor may not.
        """
        actor.require(Permission.CHAT_MODEL_READ)
        catalog = self._repository.read_all()
        found = sorted(catalog.configs.values(), key=lambda c: (c.display_name.casefold(), c.id))
        return [_view(catalog, config) for config in found]

    def get(self, actor: Actor, config_id: str) -> ConfigView:
        """One model.

        Raises:
            NotAllowedError: the actor may not.
            InvalidModelConfigIDError, ModelConfigNotFoundError: there is no such model.
        """
        actor.require(Permission.CHAT_MODEL_READ)
        catalog = self._repository.read_all()
        return _view(catalog, _require(catalog, config_id))

    def create(self, actor: Actor, request: "CreateChatModelConfigRequest") -> ConfigView:
        """Add a model; while there is no default one, it becomes it unless told otherwise.

        Raises:
            NotAllowedError: the actor may not.
            InvalidModelConfigError: there is no such provider.
            TooManyModelConfigsError: there are as many as there may be.
            ModelConfigChangedError: another model has become the default meanwhile.
        """
        actor.require(Permission.CHAT_MODEL_WRITE)
        catalog = self._repository.read_all()
        if len(catalog.configs) >= _MOST_CONFIGS:
            raise TooManyModelConfigsError(_MOST_CONFIGS)
        default, now = catalog.default, self._clock()
        fields = {name: getattr(request, name) for name in _FIELDS}
        fields["max_output_tokens"] = request.max_output_tokens or None
        fields["display_name"] = request.display_name or request.model[:128]
        config = ModelConfig(
            id=new_id(),
            is_default=default is None if request.is_default is None else request.is_default,
            created_by=actor.user_id,
            updated_by=actor.user_id,
            created_at=now,
            updated_at=now,
            **fields,
        )
        _check_provider(catalog, config)
        event = did_to_config(actor, Action.CREATE, None, config, default)
        self._repository.add_config(config, default, event)
        return _view(catalog, config)

    def update(
        self,
        actor: Actor,
        config_id: str,
        request: "UpdateChatModelConfigRequest",
        versions: Container[int] | None = None,
    ) -> ConfigView:
        """Change a model; one that becomes the default takes the place of the present one.

        Args:
            actor: who changes it.
            config_id: which one.
            request: the changes.
            versions: those that the actor means to change; None: whichever there is.

        Raises:
            NotAllowedError: the actor may not.
            InvalidModelConfigIDError, ModelConfigNotFoundError: there is no such model.
            InvalidModelConfigError: there is no such provider, or the default model shall not be
                it any more without another one in its place.
            ModelConfigChangedError: somebody else changed it, or the default, meanwhile.
        """
        actor.require(Permission.CHAT_MODEL_WRITE)
        catalog = self._repository.read_all()
        before = _require(catalog, config_id)
        _require_version(before, versions)
        changes: dict[str, Any] = {
            name: getattr(request, name)
            for name in (*_FIELDS, "is_default")
            if getattr(request, name) is not None
        }
        if request.max_output_tokens == 0:
            changes["max_output_tokens"] = None
        after = replace(before, **changes)
        if before.is_default and not after.is_default:
            raise InvalidModelConfigError("is_default", "make another model the default instead")
        _check_provider(catalog, after)
        if after == before:
            return _view(catalog, before)
        after = replace(
            after, updated_by=actor.user_id, updated_at=self._clock(), version=before.version + 1
        )
        default = catalog.default
        event = did_to_config(actor, Action.UPDATE, before, after, default)
        self._repository.replace_config(before, after, default, event)
        return _view(catalog, after)

    def delete(self, actor: Actor, config_id: str, versions: Container[int] | None = None) -> None:
        """Remove a model; after the default one, no other becomes it. `versions` as for `update`.

        Raises:
            NotAllowedError: the actor may not.
            InvalidModelConfigIDError, ModelConfigNotFoundError: there is no such model.
            ModelConfigChangedError: somebody else changed it meanwhile.
        """
        actor.require(Permission.CHAT_MODEL_WRITE)
        config = _require(self._repository.read_all(), config_id)
        _require_version(config, versions)
        event = did_to_config(actor, Action.DELETE, config, None)
        self._repository.remove_config(config, event)


def _view(catalog: Catalog, config: ModelConfig) -> ConfigView:
    return config, catalog.providers[config.provider_id]


def _check_provider(catalog: Catalog, config: ModelConfig) -> None:
    if config.provider_id not in catalog.providers:
        raise InvalidModelConfigError("provider_id", "does not exist")


def _require(catalog: Catalog, config_id: str) -> ModelConfig:
    parsed = parse_id(config_id)
    if parsed is None:
        raise InvalidModelConfigIDError
    config = catalog.configs.get(parsed)
    if config is None:
        raise ModelConfigNotFoundError
    return config


def _require_version(config: ModelConfig, versions: Container[int] | None) -> None:
    if versions is not None and config.version not in versions:
        raise ModelConfigChangedError
