"""The provider at which people sign in, as our client speaks with it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chalicelib.config import OIDCSettings
from chalicelib.egress import (
    Egress,
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.oauth2.errors import RefreshError, TokenExchangeError, UnusableDocumentError
from chalicelib.oauth2.models import (
    CLIENT_SECRET_BASIC,
    CLIENT_SECRET_POST,
    PUBLIC_CLIENT,
    ClientCredentials,
    TokenResponse,
)
from chalicelib.oauth2.token_endpoint import exchange_code, refresh_access_token
from chalicelib.oidc.errors import InvalidIDTokenError, ProviderUnusableError, UnknownKeyError
from chalicelib.oidc.id_token import parse_keys, read_claims, verify_id_token
from chalicelib.oidc.metadata import build_configuration_url, parse_provider
from chalicelib.oidc.models import Claims, OpenIDProvider
from chalicelib.primitives import Clock

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

_KEPT_FOR = timedelta(hours=1)
_REQUEST_SECONDS = 5.0
_UNREACHABLE = (
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)

T = TypeVar("T")


class IdentityProvider:
    """Metadata, keys, tokens and claims; lives as long as the container, and stores no secret."""

    def __init__(self, egress: Egress, settings: OIDCSettings, clock: Clock) -> None:
        self._egress = egress
        self._settings = settings
        self._clock = clock
        self._metadata = _Kept(self._read_metadata, clock)
        self._keys = _Kept(self._read_keys, clock)

    @property
    def metadata(self) -> OpenIDProvider:
        """What the provider says of itself, at most an hour old.

        Raises:
            ProviderUnusableError: it cannot be read, or is not that of the issuer.
        """
        return self._metadata.get()

    def exchange(self, code: str, code_verifier: str, redirect_uri: str) -> TokenResponse:
        """The tokens for a code (OIDC Core section 3.1.3).

        Raises:
            ProviderUnusableError: it gave none, or no ID token.
        """
        try:
            tokens = exchange_code(
                self._egress,
                self._client(),
                token_endpoint=self.metadata.token_endpoint,
                code=code,
                code_verifier=code_verifier,
                redirect_uri=redirect_uri,
            )
        except TokenExchangeError as exc:
            raise ProviderUnusableError("it gave no token for the code") from exc
        except _UNREACHABLE as exc:
            raise ProviderUnusableError("its token endpoint does not answer") from exc
        if not tokens.id_token:
            raise ProviderUnusableError("it gave no ID token")
        return tokens

    def refresh(self, refresh_token: str) -> TokenResponse:
        """New tokens for a refresh token (RFC 6749 section 6, OIDC Core section 12).

        An ID token among them is not looked at: nobody signs in by it.

        Raises:
            RefreshRefusedError: the refresh token is worthless from now on.
            ProviderUnusableError: it gave no tokens this time.
        """
        endpoint = self.metadata.token_endpoint
        try:
            return refresh_access_token(
                self._egress, self._client(), token_endpoint=endpoint, refresh_token=refresh_token
            )
        except RefreshError as exc:
            raise ProviderUnusableError("it did not renew your sign-in") from exc
        except _UNREACHABLE as exc:
            raise ProviderUnusableError("its token endpoint does not answer") from exc

    def identify(self, tokens: TokenResponse, nonce: str) -> Claims:
        """Who has signed in, from the ID token and, where that says too little, UserInfo.

        Claims that scopes ask for are in the UserInfo response (OIDC Core section 5.4); many
        providers put them into the ID token as well.

        Raises:
            InvalidIDTokenError: the ID token proves nothing.
            ProviderUnusableError: the provider's keys or UserInfo cannot be read.
        """
        claims = self._verify(tokens.id_token, nonce)
        endpoint = self.metadata.userinfo_endpoint
        if "email" in claims or endpoint is None:
            return read_claims(claims)
        further = self._read_userinfo(endpoint, tokens.access_token)
        if further.get("sub") != claims["sub"]:  # OIDC Core section 5.3.2.
            raise InvalidIDTokenError("its UserInfo response is about somebody else")
        return read_claims({**further, **claims})

    def _verify(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        def verify(keys: "KeySet") -> Mapping[str, Any]:
            return verify_id_token(
                id_token,
                keys,
                self.metadata.signing_algorithms,
                issuer=self._settings.issuer,
                client_id=self._settings.client_id,
                nonce=nonce,
                now=self._clock(),
            )

        try:
            return verify(self._keys.get())
        except UnknownKeyError:
            return verify(self._keys.get(anew=True))  # It may have changed its keys.

    def _client(self) -> ClientCredentials:
        offered, secret = self.metadata.token_endpoint_auth_methods, self._settings.client_secret
        method = CLIENT_SECRET_BASIC if secret else PUBLIC_CLIENT
        if secret and CLIENT_SECRET_BASIC not in offered and CLIENT_SECRET_POST in offered:
            method = CLIENT_SECRET_POST
        return ClientCredentials(self._settings.client_id, secret, method)

    def _read_metadata(self) -> OpenIDProvider:
        body = self._read(build_configuration_url(self._settings.issuer), "its metadata")
        try:
            return parse_provider(body, self._settings.issuer)
        except UnusableDocumentError as exc:
            raise ProviderUnusableError(f"in its metadata, {exc.message}") from exc

    def _read_keys(self) -> "KeySet":
        return parse_keys(self._read(self.metadata.jwks_uri, "its keys"))

    def _read_userinfo(self, endpoint: str, access_token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        try:
            response = self._egress.request(
                "GET", endpoint, headers=headers, budget=_REQUEST_SECONDS
            )
            found = response.json() if response.status == 200 else None
        except _UNREACHABLE as exc:
            raise ProviderUnusableError("UserInfo could not be read") from exc
        if not isinstance(found, dict):
            raise ProviderUnusableError("UserInfo is not what it should be")
        return found

    def _read(self, url: str, what: str) -> bytes:
        headers = {"Accept": "application/json"}
        try:
            response = self._egress.request("GET", url, headers=headers, budget=_REQUEST_SECONDS)
        except _UNREACHABLE as exc:
            raise ProviderUnusableError(f"{what} could not be read") from exc
        if response.status != 200:
            raise ProviderUnusableError(f"{what} could not be read: HTTP {response.status}")
        return response.body


class _Kept(Generic[T]):
    """One thing that is read again when it is an hour old; two threads may read it both."""

    def __init__(self, read: Callable[[], T], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._kept: tuple[T, datetime] | None = None

    def get(self, *, anew: bool = False) -> T:
        kept = self._kept
        if anew or kept is None or self._clock() - kept[1] >= _KEPT_FOR:
            kept = self._kept = (self._read(), self._clock())
        return kept[0]
