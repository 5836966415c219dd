"""What a provider says of itself and of a person, once it is checked."""

from dataclasses import dataclass, field
from datetime import datetime


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
    """What the provider gave for a user, as sealed values; for servers that want the user's own."""

    access_token: bytes = field(repr=False)
    refresh_token: bytes = field(repr=False)
    scope: str
    expires_at: datetime | None
