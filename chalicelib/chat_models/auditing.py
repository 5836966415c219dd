"""Model providers and models as the audit log describes them."""

from chalicelib.audit import Action, NewEvent, ObjectType, Snapshot, diff
from chalicelib.chat_models.models import ModelConfig, Provider
from chalicelib.identity.models import Actor

_CONFIG_FIELDS = (
    *("provider_id", "model", "display_name", "enabled", "is_default", "context_limit"),
    *("compression_threshold", "max_output_tokens", "input_price", "output_price"),
    *("cache_read_price", "cache_creation_price"),
)


def describe_provider(provider: Provider | None) -> Snapshot:
    """A provider's fields, by their names in the API; the key stays sealed, and is only told of."""
    if provider is None:
        return {}
    return {
        "provider": provider.kind,
        "display_name": provider.display_name,
        "base_url": provider.base_url,
        "api_key": provider.api_key,
        "region": provider.region,
        "enabled": provider.enabled,
    }


def describe_config(config: ModelConfig | None) -> Snapshot:
    """A model's fields, by their names in the API."""
    return {} if config is None else {name: getattr(config, name) for name in _CONFIG_FIELDS}


def did_to_provider(
    actor: Actor, action: Action, before: Provider | None, after: Provider | None
) -> NewEvent:
    """What an actor does to a provider.

    Raises:
        ValueError: there is neither a before nor an after.
    """
    provider = after or before
    if provider is None:
        raise ValueError("a provider that never was")
    changes = diff(describe_provider(before), describe_provider(after))
    return actor.did(action, ObjectType.CHAT_PROVIDER, provider.id, changes)


def did_to_config(
    actor: Actor,
    action: Action,
    before: ModelConfig | None,
    after: ModelConfig | None,
    old_default: ModelConfig | None = None,
) -> NewEvent:
    """What an actor does to a model, and which one it follows as the default.

    Raises:
        ValueError: there is neither a before nor an after.
    """
    config = after or before
    if config is None:
        raise ValueError("a model that never was")
    was, now = dict(describe_config(before)), dict(describe_config(after))
    becomes_default = after is not None and after.is_default and not (before and before.is_default)
    if old_default and becomes_default:
        was["default_model_config_id"] = old_default.id
        now["default_model_config_id"] = config.id
    return actor.did(action, ObjectType.CHAT_MODEL_CONFIG, config.id, diff(was, now))
