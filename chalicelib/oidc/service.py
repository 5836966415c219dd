"""Signing in at an OpenID Connect provider (authorization code flow with PKCE, OIDC Core 3.1)."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.audit import RequestContext
from chalicelib.config import OIDCSettings
from chalicelib.encryption import Vault
from chalicelib.identity.logins import LoginService
from chalicelib.identity.models import Login, Session
from chalicelib.oauth2.authorization import build_authorization_url, validate_authorization_response
from chalicelib.oauth2.pkce import new_pkce
from chalicelib.oidc.errors import (
    EmailDomainError,
    EmailNotVerifiedError,
    InvalidLoginStateError,
    OIDCNotConfiguredError,
    ProviderRefusedLoginError,
    SignUpDisabledError,
)
from chalicelib.oidc.flow import LOGIN_SECONDS, LoginAnswer, LoginFlow, open_login, seal_login
from chalicelib.oidc.models import Claims
from chalicelib.oidc.provider import IdentityProvider
from chalicelib.oidc.tokens import LoginTokenKeeper
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """Where to send the browser, and what it must carry back."""

    authorization_url: str = field(repr=False)
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun, and the path to go on to; it may be empty."""

    session: Session
    next_path: str


class SignInService:
    """Signs people in through a provider, if there is one; lives as long as the container.

    Args:
        settings: which provider, and whom it may sign in; None if there is none.
        provider: speaks with it.
        logins: knows which user somebody is.
        organizations: where new people come into.
        tokens: keeps the provider's tokens.
        vault: seals what the browser carries.
        redirect_uri: where the provider sends browsers back to.
        clock: the time.
    """

    def __init__(
        self,
        *,
        settings: OIDCSettings | None,
        provider: IdentityProvider | None,
        logins: LoginService,
        organizations: OrganizationService,
        tokens: LoginTokenKeeper,
        vault: Vault,
        redirect_uri: str,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._logins = logins
        self._organizations = organizations
        self._tokens = tokens
        self._vault = vault
        self._redirect_uri = redirect_uri
        self._clock = clock

    @property
    def is_available(self) -> bool:
        """Whether there is a provider."""
        return self._settings is not None

    def start(self, next_path: str) -> StartedLogin:
        """Begin to sign somebody in, and go on to one of our paths then.

        Raises:
            OIDCNotConfiguredError: there is no provider.
            ProviderUnusableError: the provider's metadata cannot be used.
        """
        settings, provider = self._configured()
        pkce = new_pkce()
        flow = LoginFlow(
            state=secrets.token_urlsafe(_RANDOM_BYTES),
            nonce=secrets.token_urlsafe(_RANDOM_BYTES),
            code_verifier=pkce.verifier,
            next_path=next_path,
            expires_at=self._clock() + timedelta(seconds=LOGIN_SECONDS),
        )
        url = build_authorization_url(
            provider.metadata.authorization_endpoint,
            client_id=settings.client_id,
            redirect_uri=self._redirect_uri,
            state=flow.state,
            code_challenge=pkce.challenge,
            scopes=settings.scopes,
            nonce=flow.nonce,
        )
        return StartedLogin(url, seal_login(self._vault, flow))

    def finish(self, answer: LoginAnswer, request: RequestContext) -> SignedIn:
        """Find out who has signed in, and begin their session.

        What the answer says is believed only once the state and the issuer hold.

        Raises:
            OIDCNotConfiguredError: there is no provider.
            InvalidLoginStateError, AuthorizationResponseError: this is not the provider's answer
                to a sign-in of this browser.
            ProviderRefusedLoginError: the provider reports an error.
            ProviderUnusableError, InvalidIDTokenError: the provider does not say who it is.
            EmailNotVerifiedError, EmailDomainError, SignUpDisabledError: such people may not.
            LockedOutError, LoginMismatchError, LoginTakenError, UserExistsError: this user may not.
        """
        settings, provider = self._configured()
        flow = open_login(self._vault, answer, self._clock())
        validate_authorization_response(
            expected_issuer=settings.issuer,
            iss=answer.iss,
            iss_supported=provider.metadata.issues_iss,
        )
        if answer.error:
            raise ProviderRefusedLoginError(answer.error, answer.error_description)
        if not answer.code:
            raise InvalidLoginStateError
        tokens = provider.exchange(answer.code, flow.code_verifier, self._redirect_uri)
        claims = provider.identify(tokens, flow.nonce)
        login = Login(settings.issuer, claims.subject)
        user_id = self._user_id(settings, login, claims, request)
        session = self._logins.start_session(user_id, login, request)
        self._tokens.keep(session.user.id, tokens)
        return SignedIn(session, flow.next_path)

    def _user_id(
        self, settings: OIDCSettings, login: Login, claims: Claims, request: RequestContext
    ) -> str:
        """The user who somebody is, perhaps a new one."""
        domain = claims.email.rpartition("@")[2].lower()
        if settings.allowed_email_domains and domain not in settings.allowed_email_domains:
            raise EmailDomainError if claims.email else EmailNotVerifiedError
        found = self._logins.find_user_id(login, claims.email)
        if found:
            return found
        if not claims.email:
            raise EmailNotVerifiedError
        if not settings.create_users:
            raise SignUpDisabledError
        return self._logins.sign_up(
            login,
            claims.email,
            claims.name,
            claims.preferred_username,
            request,
            self._organizations.joining_default,
        )

    def _configured(self) -> tuple[OIDCSettings, IdentityProvider]:
        if self._settings is None or self._provider is None:
            raise OIDCNotConfiguredError
        return self._settings, self._provider
