"""Model providers: where conversations may be sent, and with which key."""

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chalicelib.audit import Action
from chalicelib.chat_models.auditing import did_to_provider
from chalicelib.chat_models.errors import (
    InvalidProviderError,
    InvalidProviderIDError,
    ProviderChangedError,
    ProviderInUseError,
    ProviderNotFoundError,
    TooManyProvidersError,
)
from chalicelib.chat_models.models import Catalog, Provider, default_base_url
from chalicelib.chat_models.repository import ChatModelRepository
from chalicelib.egress.errors import EgressRefusedError
from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, Vault
from chalicelib.encryption.fields import PROVIDER_API_KEY
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.primitives import Clock, new_id, parse_id
from chalicelib.sdk.chat_models import ProviderKind

if TYPE_CHECKING:
    from pydantic import SecretStr

    from chalicelib.sdk.requests.chat_models import (
        CreateChatProviderConfigRequest,
        UpdateChatProviderConfigRequest,
    )

_MOST_PROVIDERS = 20  # All of them are read with each choice of a model.


@dataclass(frozen=True, slots=True)
class ProviderChange:
    """What a change has made of a provider, and whether that ended its key."""

    provider: Provider
    key_cleared: bool


class ProviderService:
    """Manages model providers; lives as long as the container.

    Args:
        repository: where they are stored.
        vault: seals their keys.
        check_url: refuses a URL that outbound requests may not go to.
        clock: the time.
    """

    def __init__(
        self,
        repository: ChatModelRepository,
        vault: Vault,
        check_url: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._vault = vault
        self._check_url = check_url
        self._clock = clock

    def list_all(self, actor: Actor) -> list[Provider]:
        """Every provider, by display name.

        Raises:
            NotAllowedError: the actor may not.
        """
        actor.require(Permission.CHAT_MODEL_READ)
        found = self._repository.read_all().providers.values()
        return sorted(found, key=lambda each: (each.display_name.casefold(), each.id))

    def get(self, actor: Actor, provider_id: str) -> Provider:
        """One provider.

        Raises:
            NotAllowedError: the actor may not.
            InvalidProviderIDError, ProviderNotFoundError: there is no such provider.
        """
        actor.require(Permission.CHAT_MODEL_READ)
        return _require(self._repository.read_all(), provider_id)

    def create(self, actor: Actor, request: "CreateChatProviderConfigRequest") -> Provider:
        """Add a provider.

        Raises:
            NotAllowedError: the actor may not.
            InvalidProviderError: the region is missing, or nothing may be sent to the URL.
            TooManyProvidersError: there are as many as there may be.
        """
        actor.require(Permission.CHAT_MODEL_WRITE)
        if len(self._repository.read_all().providers) >= _MOST_PROVIDERS:
            raise TooManyProvidersError(_MOST_PROVIDERS)
        provider_id, now = new_id(), self._clock()
        provider = Provider(
            id=provider_id,
            kind=request.provider,
            display_name=request.display_name,
            base_url=request.base_url,
            api_key=b"",
            region=request.region,
            enabled=request.enabled,
            created_by=actor.user_id,
            updated_by=actor.user_id,
            created_at=now,
            updated_at=now,
        )
        provider = self._complete(provider)
        provider = replace(provider, api_key=self._seal(provider_id, request.api_key))
        event = did_to_provider(actor, Action.CREATE, None, provider)
        self._repository.add_provider(provider, event)
        return provider

    def update(
        self,
        actor: Actor,
        provider_id: str,
        request: "UpdateChatProviderConfigRequest",
        versions: Container[int] | None = None,
    ) -> ProviderChange:
        """Change a provider; one that leads elsewhere loses its key, unless a new one comes along.

        Whoever may change a provider may not therefore read its key: having it sent to a host of
        one's own would be reading it.

        Args:
            actor: who changes it.
            provider_id: which one.
            request: the changes.
            versions: those that the actor means to change; None: whichever there is.

        Raises:
            NotAllowedError: the actor may not.
            InvalidProviderIDError, ProviderNotFoundError: there is no such provider.
            InvalidProviderError: the region is missing, or nothing may be sent to the URL.
            ProviderChangedError: somebody else changed it meanwhile.
        """
        actor.require(Permission.CHAT_MODEL_WRITE)
        before = _require(self._repository.read_all(), provider_id)
        _require_version(before, versions)
        after = self._complete(_merge(before, request))
        cleared = False
        if request.api_key is not None:
            after = replace(after, api_key=self._seal(before.id, request.api_key))
        elif before.api_key and _destination(before) != _destination(after):
            after, cleared = replace(after, api_key=b""), True
        if after == before:
            return ProviderChange(before, key_cleared=False)
        after = replace(
            after, updated_by=actor.user_id, updated_at=self._clock(), version=before.version + 1
        )
        event = did_to_provider(actor, Action.UPDATE, before, after)
        self._repository.replace_provider(before, after, event)
        return ProviderChange(after, cleared)

    def delete(
        self, actor: Actor, provider_id: str, versions: Container[int] | None = None
    ) -> None:
        """Remove a provider that has no models; `versions` as for `update`.

        Raises:
            NotAllowedError: the actor may not.
            InvalidProviderIDError, ProviderNotFoundError: there is no such provider.
            ProviderInUseError: it has models.
            ProviderChangedError: somebody else changed it meanwhile.
        """
        actor.require(Permission.CHAT_MODEL_WRITE)
        catalog = self._repository.read_all()
        provider = _require(catalog, provider_id)
        _require_version(provider, versions)
        models = catalog.configs_of(provider.id)
        if models:
            raise ProviderInUseError(sorted(each.display_name for each in models))
        event = did_to_provider(actor, Action.DELETE, provider, None)
        self._repository.remove_provider(provider, event)

    def _complete(self, provider: Provider) -> Provider:
        """The provider with its region and URL as they must be.

        Raises:
            InvalidProviderError: the region is missing, or nothing may be sent to the URL.
        """
        if provider.kind is not ProviderKind.BEDROCK:
            provider = replace(provider, region="")
        elif not provider.region:
            raise InvalidProviderError("region", "is required for Amazon Bedrock")
        if not provider.base_url:
            url = default_base_url(provider.kind, provider.region)
            provider = replace(provider, base_url=url)
        try:
            self._check_url(provider.base_url)
        except EgressRefusedError as exc:
            raise InvalidProviderError("base_url", exc.message) from exc
        return provider

    def _seal(self, provider_id: str, key: "SecretStr") -> bytes:
        place = Place(PROVIDER_API_KEY, provider_id)
        return self._vault.seal(key.get_secret_value(), place, DEPLOYMENT_SCOPE)


def _merge(provider: Provider, request: "UpdateChatProviderConfigRequest") -> Provider:
    """The provider with the requested changes; a URL that nobody chose follows kind and region."""
    changes: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("display_name", "base_url", "region", "enabled")
        if getattr(request, name) is not None
    }
    if request.provider is not None:
        changes["kind"] = request.provider
    if provider.base_url == default_base_url(provider.kind, provider.region):
        changes.setdefault("base_url", "")
    return replace(provider, **changes)


def _destination(provider: Provider) -> tuple[str, str, str]:
    return provider.kind, provider.base_url, provider.region


def _require(catalog: Catalog, provider_id: str) -> Provider:
    parsed = parse_id(provider_id)
    if parsed is None:
        raise InvalidProviderIDError
    provider = catalog.providers.get(parsed)
    if provider is None:
        raise ProviderNotFoundError
    return provider


def _require_version(provider: Provider, versions: Container[int] | None) -> None:
    if versions is not None and provider.version not in versions:
        raise ProviderChangedError
