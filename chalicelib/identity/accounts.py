"""Reading and changing one account: what all services of this package share."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.identity.auditing import Describe
from chalicelib.identity.errors import AccountBusyError, AccountChangedError, UserNotFoundError
from chalicelib.identity.models import Account, Actor, Token, TokenKind, UserStatus
from chalicelib.identity.permissions import TokenScope
from chalicelib.identity.repository import IdentityRepository
from chalicelib.primitives import Clock, new_id, parse_id

_TOKEN_PREFIX = "ciborium_"  # noqa: S105 -- lets secret scanners recognise a leaked token
_TOKEN_BYTES = 32
_ATTEMPTS = 5


class Accounts:
    """Accounts that are not being deleted; lives as long as the container."""

    def __init__(self, repository: IdentityRepository, clock: Clock) -> None:
        self.repository = repository
        self.clock = clock

    def find(self, user_id: str) -> Account | None:
        """An account by its user's id."""
        account = self.repository.find(user_id)
        is_there = account is not None and account.user.status is not UserStatus.DELETING
        return account if is_there else None

    def get(self, user_id: str) -> Account:
        """An account by its user's id.

        Raises:
            UserNotFoundError: there is none.
        """
        account = self.find(user_id)
        if account is None:
            raise UserNotFoundError
        return account

    def change(
        self, user_id: str, change: Callable[[Account], Account], describe: Describe
    ) -> Account:
        """Change an account and record it; both anew when somebody else was quicker.

        What changes nothing is not written, and not recorded.

        Raises:
            UserNotFoundError: there is none.
            AccountBusyError: somebody else was quicker again and again.
            UserExistsError, LoginTakenError, TokenExistsError, LastOwnerError: as
                `IdentityRepository.replace`, and whatever `change` raises.
        """
        for _ in range(_ATTEMPTS):
            before = self.get(user_id)
            after = change(before)
            if after == before:
                return before
            try:
                self.repository.replace(before, after, describe(before, after))
            except AccountChangedError:
                continue
            return replace(after, version=before.version + 1)
        raise AccountBusyError

    def build_token(
        self,
        text: str,
        lifetime: timedelta,
        *,
        kind: TokenKind,
        name: str,
        scopes: Sequence[TokenScope],
        parent_id: str = "",
    ) -> Token:
        """What is stored of a new token."""
        # Whole seconds: DynamoDB's TTL knows no smaller unit.
        now = self.clock().replace(microsecond=0)
        return Token(
            id=new_id(),
            digest=digest_of(text),
            kind=kind,
            name=name,
            scopes=tuple(scopes),
            created_at=now,
            expires_at=now + lifetime,
            parent_id=parent_id,
        )

    def build_session(
        self,
        text: str,
        lifetime: timedelta,
        scopes: Sequence[TokenScope] = (TokenScope.ALL,),
        parent_id: str = "",
    ) -> Token:
        """What is stored of a new browser session."""
        return self.build_token(
            text,
            lifetime,
            kind=TokenKind.SESSION,
            name="session",
            scopes=scopes,
            parent_id=parent_id,
        )


def resolve_user_id(actor: Actor, user_id: str) -> str:
    """A user's id, where `me` stands for the actor.

    Raises:
        UserNotFoundError: it is none.
    """
    resolved = actor.user_id if user_id == "me" else parse_id(user_id)
    if resolved is None:
        raise UserNotFoundError
    return resolved


def new_token_text() -> str:
    """A fresh token: 256 random bits."""
    return _TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> str:
    """SHA-256 is enough for a random token: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()
