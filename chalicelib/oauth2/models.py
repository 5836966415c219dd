"""OAuth2's documents and credentials, once they are parsed and checked.

`resource` and `issuer` are kept exactly as they were spelled: RFC 8707 and RFC 9207 compare them
as strings, and a URL type would add or take a slash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a method's name, RFC 7591 section 2.
CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
PUBLIC_CLIENT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedResourceMetadata:
    """What a resource server says of itself (RFC 9728 section 2)."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...]

    def names(self, issuer: str, *, exactly: bool = True) -> bool:
        """Whether an issuer is among the authorization servers; inexactly, but for a last slash."""
        if exactly:
            return issuer in self.authorization_servers
        return issuer.rstrip("/") in {each.rstrip("/") for each in self.authorization_servers}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServerMetadata:
    """What an authorization server says of itself (RFC 8414 section 2, OIDC Discovery 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    revocation_endpoint: str | None
    scopes_supported: tuple[str, ...]
    code_challenge_methods_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    authorization_response_iss_parameter_supported: bool
    client_id_metadata_document_supported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What an MCP server's URL alone led to.

    Attributes:
        resource: the resource indicator to send (RFC 8707), as its metadata spells it.
        scopes: what to ask for: the challenge's, else the resource's; may be empty.
        server: the authorization server that was chosen.
    """

    resource: str
    scopes: tuple[str, ...]
    server: AuthorizationServerMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredClient:
    """Our client as an authorization server registered it (RFC 7591 section 3.2.1).

    Attributes:
        client_secret_expires_at: seconds since 1970; 0 means never.
        registration_client_uri: where the registration can be managed (RFC 7592 section 3).
    """

    client_id: str
    client_secret: str | None = field(repr=False)
    token_endpoint_auth_method: str
    client_secret_expires_at: int
    registration_client_uri: str | None
    registration_access_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """How our client authenticates at the token and revocation endpoints."""

    client_id: str
    client_secret: str = field(repr=False)
    token_endpoint_auth_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """An access token and what came with it (RFC 6749 section 5.1).

    Attributes:
        token_type: always `Bearer`, however the server spelled it.
        expires_in: seconds; None if the server does not say.
        scope: what was granted, separated by blanks; empty if it is what was asked for.
        id_token: of OpenID Connect (OIDC Core section 3.1.3.3), unverified; empty if there is none.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    token_type: str
    expires_in: int | None
    scope: str
    id_token: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A user's connection to a server; the tokens are sealed values.

    Attributes:
        scope: what was granted.
        requested_scope: what was asked for; a step-up asks for it again.
        issuer: the authorization server that gave the tokens.
        key_scope: the scope of the data key that seals the tokens.
        grant_generation: the server's, when the tokens were granted; another one voids them.
        version: counts refreshes.
        is_refused: whether the provider has refused the refresh token for good.
        user_headers: the user's own header values, sealed; then there are no tokens.
        user_header_names: those that have a value, in lower case.
    """

    user_id: str
    server_id: str
    access_token: bytes = field(repr=False)
    refresh_token: bytes = field(repr=False)
    token_type: str
    scope: str
    requested_scope: str
    issuer: str
    key_scope: str
    expires_at: datetime | None
    grant_generation: int
    created_at: datetime
    version: int = 1
    is_refused: bool = False
    user_headers: bytes = field(default=b"", repr=False)
    user_header_names: tuple[str, ...] = ()

    def is_expired(self, now: datetime, early: timedelta = timedelta(0)) -> bool:
        """Whether the access token has expired, or will do so within `early`."""
        return self.expires_at is not None and self.expires_at - early <= now

    def is_usable(self, now: datetime, grant_generation: int) -> bool:
        """Whether requests can be made with it, perhaps after a refresh."""
        if self.is_refused or self.grant_generation != grant_generation:
            return False
        return bool(self.refresh_token) or not self.is_expired(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What an MCP server has lately refused to a connected user.

    Attributes:
        scope: what to ask for at the next connect: everything asked for before and now.
        grants: for each operation, the grants that it was refused with, by their time.
        until: when all of this is forgotten.
    """

    user_id: str
    server_id: str
    grant_generation: int
    scope: str
    grants: Mapping[str, Sequence[str]]
    until: datetime
    version: int
