"""What a provider says of itself and of a person, once it is checked."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIDProvider:
    """A provider's metadata, as far as it is used (OIDC Discovery section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    token_endpoint_auth_methods: tuple[str, ...]
    signing_algorithms: tuple[str, ...]
    issues_iss: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Who has signed in: what a provider vouches for.

    Attributes:
        email: only one that the provider has verified; empty otherwise.
    """

    subject: str
    email: str
    name: str
    preferred_username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTokens:
    """What the provider gave for a user, as sealed values; for servers that want the user's own.

    Attributes:
        issuer: the provider's; empty for what was kept before issuers were.
    """

    issuer: str
    access_token: bytes = field(repr=False)
    refresh_token: bytes = field(repr=False)
    scope: str
    expires_at: datetime | None

    def is_expired(self, now: datetime, early: timedelta = timedelta(0)) -> bool:
        """Whether the access token has expired, or will do so within `early`."""
        return self.expires_at is not None and self.expires_at - early <= now
