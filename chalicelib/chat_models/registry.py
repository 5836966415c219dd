"""Which model a chat uses, and what calling it takes: for the packages above."""

from chalicelib.chat_models.errors import InvalidModelError, NoModelError
from chalicelib.chat_models.models import ModelConfig, Provider, UsableModel
from chalicelib.chat_models.repository import ChatModelRepository
from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import PROVIDER_API_KEY
from chalicelib.primitives import parse_id


class ModelRegistry:
    """Finds models; each of its methods costs one query. Lives as long as the container."""

    def __init__(self, repository: ChatModelRepository, vault: Vault) -> None:
        self._repository = repository
        self._vault = vault

    def choose(self, requested_id: str | None) -> ModelConfig:
        """The model that was asked for; the default one if none was.

        Raises:
            InvalidModelError: it is unknown or disabled.
            NoModelError: none was asked for, and no default model is enabled.
        """
        catalog = self._repository.read_all()
        if requested_id is None:
            config = catalog.default
            if config is None or not catalog.is_usable(config):
                raise NoModelError
            return config
        config = catalog.configs.get(parse_id(requested_id) or "")
        if config is None or not catalog.is_usable(config):
            raise InvalidModelError
        return config

    def find_usable(self, config_id: str) -> UsableModel | None:
        """A model with its provider and the opened key; None if it is gone or disabled.

        Raises:
            SealedValueError: the key does not open.
            EncryptionUnavailableError: KMS does not answer.
        """
        catalog = self._repository.read_all()
        config = catalog.configs.get(config_id)
        if config is None or not catalog.is_usable(config):
            return None
        provider = catalog.providers[config.provider_id]
        key = self._vault.open(provider.api_key, Place(PROVIDER_API_KEY, provider.id))
        return UsableModel(config, provider, key)

    def list_usable(self) -> list[tuple[ModelConfig, Provider]]:
        """What a chat may choose from: the default first, then by display name."""
        catalog = self._repository.read_all()
        usable = [each for each in catalog.configs.values() if catalog.is_usable(each)]
        usable.sort(key=lambda each: (not each.is_default, each.display_name.casefold(), each.id))
        return [(each, catalog.providers[each.provider_id]) for each in usable]
