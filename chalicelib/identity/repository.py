"""The identity table.

USER#<id>       / profile    a user
EMAIL#<e-mail>  / guard      keeps an e-mail address unique
USERNAME#<name> / guard      keeps a user name unique
TOKEN#<digest>  / token      a token, by the SHA-256 of its text; removed by TTL;
                             in the lookup index under USER#<id>
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pynamodb.attributes import ListAttribute, TTLAttribute, UnicodeAttribute

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.identity.errors import InvalidTokenError, TokenExistsError, UserExistsError
from chalicelib.identity.models import Token, TokenKind, User, UserStatus
from chalicelib.identity.permissions import SiteRole
from chalicelib.storage import Database, Item, LookupItem, UTCDateTime, time_key


class UserItem(Item):
    """A user."""

    user_id = UnicodeAttribute()
    email = UnicodeAttribute()
    username = UnicodeAttribute()
    name = UnicodeAttribute()
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    status = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()


class GuardItem(Item):
    """Holds a name for one user."""

    user_id = UnicodeAttribute()


class TokenItem(LookupItem):
    """A token, with what authentication needs of its user."""

    token_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    name = UnicodeAttribute()
    user_id = UnicodeAttribute()
    username = UnicodeAttribute(default="")
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    user_status = UnicodeAttribute()
    created_at = UTCDateTime()
    expires_at = TTLAttribute()


class IdentityRepository:
    """Stores users and the digests of their tokens."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._audit = audit
        self._users = database.bind(UserItem, "identity")
        self._guards = database.bind(GuardItem, "identity")
        self._tokens = database.bind(TokenItem, "identity")

    def find_user(self, user_id: str) -> User | None:
        """A user by id."""
        item = self._users.find(f"USER#{user_id}", "profile")
        return None if item is None else _to_user(item)

    def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Users by id, whatever their status; a read for every hundred."""
        keys = [(f"USER#{user_id}", "profile") for user_id in user_ids]
        found = self._users.batch_get(keys, consistent_read=True) if keys else ()
        return {item.user_id: _to_user(item) for item in found}

    def find_user_id_by_email(self, email: str) -> str | None:
        """The id of the user with an e-mail address."""
        guard = self._guards.find(_email_key(email), "guard")
        return None if guard is None else str(guard.user_id)

    def add_user(self, user: User, event: NewEvent) -> None:
        """Store a new user.

        Raises:
            UserExistsError: the e-mail address or the user name is taken.
        """
        transaction = self._audit.transaction(event)
        for key, field in (
            (_email_key(user.email), "e-mail address"),
            (f"USERNAME#{user.username.casefold()}", "user name"),
        ):
            transaction.put(
                self._guards(PK=key, SK="guard", user_id=user.id),
                self._guards.absent(),
                UserExistsError(field),
            )
        transaction.put(self._to_item(user), self._users.absent(), UserExistsError("id"))
        transaction.commit()

    def find_token(self, digest: str) -> Token | None:
        """A token by its digest, expired or not."""
        item = self._tokens.find(f"TOKEN#{digest}", "token")
        return None if item is None else _to_token(item, digest)

    def add_token(self, token: Token, event: NewEvent) -> None:
        """Store a new token.

        Raises:
            TokenExistsError: the same token is stored already.
        """
        item = self._tokens(
            PK=f"TOKEN#{token.digest}",
            SK="token",
            LPK=f"USER#{token.user_id}",
            LSK=f"TOKEN#{time_key(token.created_at)}#{token.id}",
            token_id=token.id,
            kind=token.kind,
            name=token.name,
            user_id=token.user_id,
            username=token.username,
            roles=list(token.roles),
            user_status=token.user_status,
            created_at=token.created_at,
            expires_at=token.expires_at,
        )
        transaction = self._audit.transaction(event)
        transaction.put(item, self._tokens.absent(), TokenExistsError())
        transaction.commit()

    def remove_token(self, digest: str, event: NewEvent) -> None:
        """Remove a token; nothing happens, and nothing is recorded, if it is gone."""
        transaction = self._audit.transaction(event)
        item = self._tokens(f"TOKEN#{digest}", "token")
        transaction.delete(item, self._tokens.present(), InvalidTokenError())
        with suppress(InvalidTokenError):
            transaction.commit()

    def _to_item(self, user: User) -> UserItem:
        return self._users(
            PK=f"USER#{user.id}",
            SK="profile",
            user_id=user.id,
            email=user.email,
            username=user.username,
            name=user.name,
            roles=list(user.roles),
            status=user.status,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


def _email_key(email: str) -> str:
    return f"EMAIL#{email.casefold()}"


def _roles(names: list[str]) -> tuple[SiteRole, ...]:
    return tuple(SiteRole(name) for name in names)


def _to_user(item: UserItem) -> User:
    return User(
        id=item.user_id,
        email=item.email,
        username=item.username,
        name=item.name,
        roles=_roles(item.roles),
        status=UserStatus(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


def _to_token(item: TokenItem, digest: str) -> Token:
    expires_at: datetime = item.expires_at
    return Token(
        id=item.token_id,
        digest=digest,
        kind=TokenKind(item.kind),
        name=item.name,
        user_id=item.user_id,
        username=item.username,
        roles=_roles(item.roles),
        user_status=UserStatus(item.user_status),
        created_at=item.created_at,
        expires_at=expires_at,
    )
