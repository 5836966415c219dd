"""People, their tokens, and the actor of a request."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.audit.models import (
    NO_REQUEST,
    Action,
    Diff,
    NewEvent,
    ObjectType,
    RequestContext,
)
from chalicelib.identity.errors import (
    NotAllowedError,
    TokenNameTakenError,
    TokenScopeError,
    TooManyTokensError,
    UserSuspendedError,
)
from chalicelib.identity.permissions import (
    Permission,
    SiteRole,
    TokenScope,
    is_allowed,
    is_in_scope,
    permits,
)

MOST_TOKENS = 50
MOST_SESSIONS = 40
"""With them, everything that one change of an account entails fits into one transaction."""


class UserStatus(StrEnum):
    """Whether a person may use the deployment."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"
    """Locked out and hidden; what they had is being removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person."""

    id: str
    email: str
    username: str
    name: str
    roles: tuple[SiteRole, ...]
    status: UserStatus
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """Who a person is at an OpenID Connect provider (OIDC Core section 2, `iss` and `sub`)."""

    issuer: str
    subject: str


class TokenKind(StrEnum):
    """Who carries a token: a program, or a browser as its session cookie."""

    API = "api"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is stored of a token; its text is not.

    Attributes:
        parent_id: the API token with which a session was begun; it ends with that one.
        last_used_at: to the hour.
    """

    id: str
    digest: str = field(repr=False)
    kind: TokenKind
    name: str
    scopes: tuple[TokenScope, ...]
    created_at: datetime
    expires_at: datetime
    parent_id: str = ""
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A token with what authentication needs of its user: all of it in one item, one read."""

    token: Token
    user_id: str
    username: str
    roles: tuple[SiteRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user with everything that must change together: one item, whose version a writer states.

    What else is stored of an account (credentials, unique names, the directory) follows from it,
    and is written in the same transaction.
    """

    user: User
    tokens: tuple[Token, ...] = ()
    login: Login | None = None
    version: int = 0

    @property
    def is_active(self) -> bool:
        """Whether its tokens are good for anything."""
        return self.user.status is UserStatus.ACTIVE

    @property
    def is_active_owner(self) -> bool:
        """Whether it can administer the deployment."""
        return self.is_active and SiteRole.OWNER in self.user.roles

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What authenticates: nothing, unless the account is active."""
        tokens, user = self.tokens if self.is_active else (), self.user
        return tuple(Credential(token, user.id, user.username, user.roles) for token in tokens)

    def with_token(self, token: Token, now: datetime) -> "Account":
        """The account with one more token; of too many sessions the oldest ends.

        Raises:
            UserSuspendedError: it is not active; what it got now would be good later.
            TokenNameTakenError: another API token has the name.
            TooManyTokensError: there are as many API tokens as there may be.
        """
        if not self.is_active:
            raise UserSuspendedError
        kept = [each for each in self.tokens if each.expires_at > now]
        alike = [each for each in kept if each.kind is token.kind]
        if token.kind is TokenKind.SESSION:
            if len(alike) >= MOST_SESSIONS:
                kept.remove(min(alike, key=lambda each: each.created_at))
        elif token.name in {each.name for each in alike}:
            raise TokenNameTakenError
        elif len(alike) >= MOST_TOKENS:
            raise TooManyTokensError(MOST_TOKENS)
        return replace(self, tokens=(*kept, token))

    def without_tokens(self, gone: Callable[[Token], bool]) -> "Account":
        """The account without some of its tokens."""
        return replace(self, tokens=tuple(each for each in self.tokens if not gone(each)))


@dataclass(frozen=True, slots=True)
class Session:
    """A browser session that has just begun: whose it is, and its token's text, for this once."""

    user: User
    token: Token
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request; it lives as long as the request."""

    user_id: str
    roles: tuple[SiteRole, ...]
    token_digest: str = field(repr=False)
    token_id: str = ""
    username: str = ""
    request: RequestContext = NO_REQUEST
    scopes: tuple[TokenScope, ...] = ()
    """What the token is good for: nothing, unless somebody says so."""

    def may(self, permission: Permission) -> bool:
        """Whether the actor's roles hold the permission, and the token is good for it."""
        return is_allowed(self.roles, permission) and permits(self.scopes, permission)

    def require(self, permission: Permission) -> None:
        """Insist on a permission.

        Raises:
            NotAllowedError: the actor's roles do not hold it.
            TokenScopeError: they do, but the token is not good for it.
        """
        if not is_allowed(self.roles, permission):
            raise NotAllowedError
        if not permits(self.scopes, permission):
            raise TokenScopeError

    def require_scope(self, area: TokenScope, *, reading: bool) -> None:
        """Insist on a token that is good for an area.

        Raises:
            TokenScopeError: it is not.
        """
        if not is_in_scope(self.scopes, area, reading=reading):
            raise TokenScopeError

    def did(
        self,
        action: Action,
        object_type: ObjectType,
        object_id: str,
        diff: Diff,
        *,
        organization_id: str | None = None,
    ) -> NewEvent:
        """What the actor does, for the audit log; the repository writes it with the change."""
        return NewEvent(
            action=action,
            object_type=object_type,
            object_id=object_id,
            organization_id=organization_id,
            actor_id=self.user_id,
            actor_username=self.username,
            request=self.request,
            diff=diff,
        )


OPERATOR = Actor("operator", (), "", username="operator")
"""Whoever runs the operator's tools, which reach the tables themselves; no request is theirs."""
