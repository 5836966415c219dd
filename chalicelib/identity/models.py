"""People, their tokens, and the actor of a request."""

from dataclasses import dataclass, field
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
from chalicelib.identity.errors import NotAllowedError
from chalicelib.identity.permissions import Permission, SiteRole, is_allowed


class UserStatus(StrEnum):
    """Whether a person may use the deployment."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


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


class TokenKind(StrEnum):
    """Who carries a token: a program, or a browser as its session cookie."""

    API = "api"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is stored of a token: everything that one read needs to authenticate, not the token."""

    id: str
    digest: str = field(repr=False)
    kind: TokenKind
    name: str
    user_id: str
    username: str
    roles: tuple[SiteRole, ...]
    user_status: UserStatus
    created_at: datetime
    expires_at: datetime


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
    """Empty for a token that was made before it was stored with one."""
    request: RequestContext = NO_REQUEST

    def may(self, permission: Permission) -> bool:
        """Whether the actor's roles hold the permission."""
        return is_allowed(self.roles, permission)

    def require(self, permission: Permission) -> None:
        """Insist on a permission.

        Raises:
            NotAllowedError: the actor's roles do not hold it.
        """
        if not self.may(permission):
            raise NotAllowedError

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
