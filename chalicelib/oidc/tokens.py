"""The tokens of users' sign-ins: kept, refreshed when they must be, and given out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, Vault
from chalicelib.encryption.fields import LOGIN_ACCESS_TOKEN, LOGIN_REFRESH_TOKEN
from chalicelib.encryption.models import SealedField
from chalicelib.errors import CiboriumError
from chalicelib.oauth2.errors import RefreshRefusedError
from chalicelib.oauth2.models import TokenResponse
from chalicelib.oauth2.turns import LEASE, store_surely, take_turns
from chalicelib.oidc.models import LoginTokens
from chalicelib.oidc.provider import IdentityProvider
from chalicelib.oidc.repository import LoginTokensRepository
from chalicelib.primitives import Clock

_EARLY = timedelta(seconds=10)


class LoginTokenKeeper:
    """Keeps and gives out the tokens of sign-ins; lives as long as the container.

    Args:
        issuer: the provider's; empty if there is none.
        provider: whom to ask for new ones, if there is one.
        repository: where they are kept.
        vault: seals them.
        clock: the time.
        pause: waits for some seconds.
    """

    def __init__(
        self,
        *,
        issuer: str,
        provider: IdentityProvider | None,
        repository: LoginTokensRepository,
        vault: Vault,
        clock: Clock,
        pause: Callable[[float], object],
    ) -> None:
        self._issuer = issuer
        self._provider = provider
        self._repository = repository
        self._vault = vault
        self._clock = clock
        self._pause = pause

    def keep(self, user_id: str, given: TokenResponse) -> None:
        """Keep what a sign-in gave, in place of what the one before did.

        Raises:
            InvalidTokenError: the user was suspended or deleted meanwhile.
        """
        blank = LoginTokens(
            issuer=self._issuer, access_token=b"", refresh_token=b"", scope="", expires_at=None
        )
        self._repository.put(user_id, self._renew(user_id, blank, given), self._clock())

    def find_access_token(self, user_id: str) -> str | None:
        """The access token of a user's last sign-in, refreshed if it expires within ten seconds.

        None if there is none that can be used: the user must sign in again.

        Raises:
            RefreshBusyError, ProviderUnusableError: an expired token was not renewed this time.
        """
        tokens = self._find(user_id)
        if tokens is None:
            return None
        now = self._clock()
        if self._provider and tokens.refresh_token and tokens.is_expired(now, _EARLY):
            tokens = self._refreshed(user_id, tokens, self._provider)
        if tokens is None or tokens.is_expired(now):
            return None
        return self._open(user_id, LOGIN_ACCESS_TOKEN, tokens.access_token) or None

    def _find(self, user_id: str) -> LoginTokens | None:
        """What another provider gave is of no use, and must not be sent to this one."""
        found = self._repository.find(user_id)
        return found if found and found.issuer == self._issuer else None

    def _refreshed(
        self, user_id: str, tokens: LoginTokens, provider: IdentityProvider
    ) -> LoginTokens | None:
        try:
            _ = (
                provider.metadata
            )  # Reading it may take a while, which the lease does not allow for.
            return take_turns(partial(self._attempt, user_id, provider), self._pause)
        except RefreshRefusedError:
            return None
        except CiboriumError:
            if tokens.is_expired(self._clock()):
                raise
            return tokens  # It is good for some seconds more.

    def _attempt(self, user_id: str, provider: IdentityProvider, holder: str) -> LoginTokens | None:
        """As `take_turns` wants it.

        Raises:
            RefreshRefusedError: there is nothing to refresh with any more.
        """
        tokens, now = self._find(user_id), self._clock()
        if tokens and not tokens.is_expired(now, _EARLY):
            return tokens
        if tokens is None or not tokens.refresh_token:
            raise RefreshRefusedError
        if not self._repository.claim(user_id, tokens, holder, now, now + LEASE):
            return None
        try:
            self._vault.prepare(DEPLOYMENT_SCOPE)  # It will be another refresh token.
            given = provider.refresh(self._open(user_id, LOGIN_REFRESH_TOKEN, tokens.refresh_token))
        except RefreshRefusedError:
            blank = replace(tokens, access_token=b"", refresh_token=b"")
            self._repository.complete(user_id, blank, holder)
            raise
        except CiboriumError:
            self._repository.release(user_id, holder)
            raise
        renewed = self._renew(user_id, tokens, given)
        is_stored = store_surely(
            lambda: self._repository.complete(user_id, renewed, holder), self._pause
        )
        return renewed if is_stored else None  # What won meanwhile is found at the next attempt.

    def _renew(self, user_id: str, tokens: LoginTokens, given: TokenResponse) -> LoginTokens:
        """A refresh token that is not replaced stays (RFC 6749 section 6)."""
        refresh_token = tokens.refresh_token
        if given.refresh_token:
            refresh_token = self._seal(user_id, LOGIN_REFRESH_TOKEN, given.refresh_token)
        lifetime = None if given.expires_in is None else timedelta(seconds=given.expires_in)
        return replace(
            tokens,
            access_token=self._seal(user_id, LOGIN_ACCESS_TOKEN, given.access_token),
            refresh_token=refresh_token,
            scope=given.scope or tokens.scope,
            expires_at=self._clock() + lifetime if lifetime else None,
        )

    def _seal(self, user_id: str, field: SealedField, token: str) -> bytes:
        return self._vault.seal(token, Place(field, user_id, user_id), DEPLOYMENT_SCOPE)

    def _open(self, user_id: str, field: SealedField, sealed: bytes) -> str:
        return self._vault.open(sealed, Place(field, user_id, user_id))
