"""From people's models to wire types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.sdk import identity

if TYPE_CHECKING:
    from chalicelib.identity.models import Token, User


def to_user(user: User, organization_ids: list[str] | None = None) -> identity.User:
    """A user, with the ids of their organisations where they are known."""
    return identity.User(
        id=user.id,
        username=user.username,
        name=user.name,
        email=user.email,
        status=user.status.value,
        roles=[identity.Role(name=role) for role in user.roles],
        organization_ids=organization_ids,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def to_token(token: Token) -> identity.Token:
    """A token, of which only its making shows the text."""
    return identity.Token(
        id=token.id,
        token_name=token.name,
        kind=token.kind.value,
        scopes=[scope.value for scope in token.scopes],
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used=token.last_used_at,
    )
