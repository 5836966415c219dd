"""The models table: one partition, so that one query reads it all.

MODELS / PROVIDER#<id>   a model provider, and how many models it has
MODELS / CONFIG#<id>     a model of one
MODELS / DEFAULT         which model is the default; absent if none is
"""

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.chat_models.errors import (
    InvalidModelConfigError,
    ModelConfigChangedError,
    ProviderChangedError,
)
from chalicelib.chat_models.models import Catalog, ModelConfig, Provider
from chalicelib.sdk.chat_models import ProviderKind
from chalicelib.storage import Database, Item, Transaction, UTCDateTime, VersionedItem

_PARTITION = "MODELS"
_DEFAULT = "DEFAULT"
_PLAIN_CONFIG_FIELDS = (
    *("provider_id", "model", "display_name", "enabled", "created_by", "updated_by"),
    *("created_at", "updated_at"),
)
_NUMBERS = (
    *("context_limit", "compression_threshold", "max_output_tokens", "input_price"),
    *("output_price", "cache_read_price", "cache_creation_price", "version"),
)


class ProviderItem(VersionedItem):
    """A model provider."""

    provider_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    display_name = UnicodeAttribute()
    base_url = UnicodeAttribute()
    api_key = BinaryAttribute(legacy_encoding=False)
    region = UnicodeAttribute()
    enabled = BooleanAttribute()
    created_by = UnicodeAttribute()
    updated_by = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    config_count = NumberAttribute()


class ConfigItem(VersionedItem):
    """A model."""

    config_id = UnicodeAttribute()
    provider_id = UnicodeAttribute()
    model = UnicodeAttribute()
    display_name = UnicodeAttribute()
    enabled = BooleanAttribute()
    context_limit = NumberAttribute()
    compression_threshold = NumberAttribute()
    max_output_tokens = NumberAttribute(null=True)
    input_price = NumberAttribute()
    output_price = NumberAttribute()
    cache_read_price = NumberAttribute(null=True)
    cache_creation_price = NumberAttribute(null=True)
    created_by = UnicodeAttribute()
    updated_by = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()


class DefaultItem(Item):
    """Which model is the default."""

    config_id = UnicodeAttribute()


class _AnyItem(Item):
    """Whatever lies in the partition, each in its own class."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Any:
        sort_key = data["SK"]["S"]
        if sort_key.startswith("PROVIDER#"):
            return ProviderItem.from_raw_data(data)
        return (DefaultItem if sort_key == _DEFAULT else ConfigItem).from_raw_data(data)


class ChatModelRepository:
    """Stores model providers and models."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._audit = audit
        self._all = database.bind(_AnyItem, "models")
        self._providers = database.bind(ProviderItem, "models")
        self._configs = database.bind(ConfigItem, "models")
        self._defaults = database.bind(DefaultItem, "models")

    def read_all(self) -> Catalog:
        """Every provider and model, in one query."""
        items: list[Item] = list(self._all.query(_PARTITION, consistent_read=True))
        default_id = next((each.config_id for each in items if isinstance(each, DefaultItem)), "")
        found = [_to_provider(each) for each in items if isinstance(each, ProviderItem)]
        providers = {each.id: each for each in found}
        configs = [_to_config(each, default_id) for each in items if isinstance(each, ConfigItem)]
        # A query is no snapshot: a model may just have left a provider that is gone since.
        whole = {each.id: each for each in configs if each.provider_id in providers}
        return Catalog(providers, whole)

    def add_provider(self, provider: Provider, event: NewEvent) -> None:
        """Store a new provider.

        Raises:
            ProviderChangedError: there is one with its id.
        """
        transaction = self._audit.transaction(event)
        item = self._providers(
            PK=_PARTITION,
            SK=f"PROVIDER#{provider.id}",
            provider_id=provider.id,
            created_by=provider.created_by,
            created_at=provider.created_at,
            config_count=0,
            **_changeable(provider),
        )
        transaction.put(item, self._providers.absent(), ProviderChangedError())
        transaction.commit()

    def replace_provider(self, before: Provider, after: Provider, event: NewEvent) -> None:
        """Store a changed provider in place of the one that was read; its models stay.

        Raises:
            ProviderChangedError: somebody has written or removed it since.
        """
        transaction = self._audit.transaction(event)
        transaction.update(
            self._provider_key(before.id),
            [getattr(self._providers, name).set(new) for name, new in _changeable(after).items()],
            self._providers.at_version(before.version),
            ProviderChangedError(),
        )
        transaction.commit()

    def remove_provider(self, provider: Provider, event: NewEvent) -> None:
        """Remove a provider that has no models.

        Raises:
            ProviderChangedError: somebody has written or removed it since, or given it a model.
        """
        transaction = self._audit.transaction(event)
        transaction.delete(
            self._provider_key(provider.id),
            self._providers.at_version(provider.version) & (self._providers.config_count == 0),
            ProviderChangedError(),
        )
        transaction.commit()

    def add_config(
        self, config: ModelConfig, old_default: ModelConfig | None, event: NewEvent
    ) -> None:
        """Store a new model, perhaps as the default in place of the old one.

        Raises:
            InvalidModelConfigError: its provider is gone.
            ModelConfigChangedError: another one has become the default since.
        """
        transaction = self._audit.transaction(event)
        self._count(transaction, config.provider_id, 1)
        transaction.put(self._to_item(config), self._configs.absent(), ModelConfigChangedError())
        if config.is_default:
            self._make_default(transaction, config, old_default)
        transaction.commit()

    def replace_config(
        self,
        before: ModelConfig,
        after: ModelConfig,
        old_default: ModelConfig | None,
        event: NewEvent,
    ) -> None:
        """Store a changed model in place of the one that was read.

        Raises:
            InvalidModelConfigError: its new provider is gone.
            ModelConfigChangedError: somebody has written or removed it since, or made another one
                the default.
        """
        transaction = self._audit.transaction(event)
        if after.provider_id != before.provider_id:
            self._count(transaction, before.provider_id, -1)
            self._count(transaction, after.provider_id, 1)
        unchanged = self._configs.at_version(before.version)
        transaction.put(self._to_item(after), unchanged, ModelConfigChangedError())
        if after.is_default and not before.is_default:
            self._make_default(transaction, after, old_default)
        transaction.commit()

    def remove_config(self, config: ModelConfig, event: NewEvent) -> None:
        """Remove a model; if it is the default one, there is none then.

        Raises:
            ModelConfigChangedError: somebody has written or removed it since.
        """
        transaction = self._audit.transaction(event)
        self._count(transaction, config.provider_id, -1)
        transaction.delete(
            self._config_key(config.id),
            self._configs.at_version(config.version),
            ModelConfigChangedError(),
        )
        if config.is_default:
            transaction.delete(
                self._defaults(_PARTITION, _DEFAULT),
                self._defaults.config_id == config.id,
                ModelConfigChangedError(),
            )
        transaction.commit()

    def _count(self, transaction: Transaction, provider_id: str, added: int) -> None:
        transaction.update(
            self._provider_key(provider_id),
            [self._providers.config_count.add(added)],
            self._providers.present(),
            InvalidModelConfigError("provider_id", "does not exist"),
        )

    def _make_default(
        self, transaction: Transaction, config: ModelConfig, old: ModelConfig | None
    ) -> None:
        """Let one model be the default; the old one gets a new version, for it has changed."""
        pointer = self._defaults(PK=_PARTITION, SK=_DEFAULT, config_id=config.id)
        unchanged = self._defaults.config_id == old.id if old else self._defaults.absent()
        transaction.put(pointer, unchanged, ModelConfigChangedError())
        if old:
            transaction.update(
                self._config_key(old.id),
                [self._configs.version.add(1)],
                self._configs.present(),
                ModelConfigChangedError(),
            )

    def _provider_key(self, provider_id: str) -> ProviderItem:
        return self._providers(_PARTITION, f"PROVIDER#{provider_id}")

    def _config_key(self, config_id: str) -> ConfigItem:
        return self._configs(_PARTITION, f"CONFIG#{config_id}")

    def _to_item(self, config: ModelConfig) -> ConfigItem:
        fields = {name: getattr(config, name) for name in (*_PLAIN_CONFIG_FIELDS, *_NUMBERS)}
        return self._configs(PK=_PARTITION, SK=f"CONFIG#{config.id}", config_id=config.id, **fields)


def _changeable(provider: Provider) -> dict[str, Any]:
    return {
        "kind": provider.kind.value,
        "display_name": provider.display_name,
        "base_url": provider.base_url,
        "api_key": provider.api_key,
        "region": provider.region,
        "enabled": provider.enabled,
        "updated_by": provider.updated_by,
        "updated_at": provider.updated_at,
        "version": provider.version,
    }


def _to_provider(item: ProviderItem) -> Provider:
    return Provider(
        id=item.provider_id,
        kind=ProviderKind(item.kind),
        display_name=item.display_name,
        base_url=item.base_url,
        api_key=item.api_key,
        region=item.region,
        enabled=item.enabled,
        created_by=item.created_by,
        updated_by=item.updated_by,
        created_at=item.created_at,
        updated_at=item.updated_at,
        version=int(item.version),
    )


def _to_config(item: ConfigItem, default_id: str) -> ModelConfig:
    fields: dict[str, Any] = {name: getattr(item, name) for name in _PLAIN_CONFIG_FIELDS}
    for name in _NUMBERS:
        number = getattr(item, name)
        fields[name] = None if number is None else int(number)
    return ModelConfig(id=item.config_id, is_default=item.config_id == default_id, **fields)
