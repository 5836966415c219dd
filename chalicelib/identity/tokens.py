"""The tokens with which programs and browsers act for a user: made, listed, revoked."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.audit import Action, NewEvent
from chalicelib.identity.accounts import Accounts, new_token_text, resolve_user_id
from chalicelib.identity.auditing import made_token, removed_token
from chalicelib.identity.errors import TokenNotFoundError, UserNotFoundError
from chalicelib.identity.models import Account, Actor, Token, TokenKind
from chalicelib.identity.permissions import Permission, TokenScope

if TYPE_CHECKING:
    from chalicelib.sdk.requests.identity import CreateTokenRequest


class TokenService:
    """Manages tokens; lives as long as the container."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def create(
        self, actor: Actor, user_id: str, request: "CreateTokenRequest"
    ) -> tuple[Token, str]:
        """A new API token for a user; its text is returned here and never again.

        Raises:
            UserNotFoundError: there is no such user, or the actor may make tokens only for
                themselves.
            UserSuspendedError: the user is suspended.
            TokenNameTakenError: another of their tokens has the name.
            TooManyTokensError: they have as many tokens as they may have.
        """
        wanted = _resolve(actor, user_id, Permission.USER_WRITE)
        text = new_token_text()
        token = self._accounts.build_token(
            text,
            timedelta(seconds=request.lifetime),
            kind=TokenKind.API,
            name=request.token_name or f"token-{secrets.token_hex(4)}",
            scopes=[TokenScope(scope) for scope in dict.fromkeys(request.scopes)],
        )

        def add(account: Account) -> Account:
            return account.with_token(token, self._accounts.clock())

        self._accounts.change(wanted, add, made_token(actor, Action.CREATE, token))
        return token, text

    def list_all(self, actor: Actor, user_id: str) -> list[Token]:
        """A user's API tokens and sessions, the oldest first; expired ones are gone.

        Raises:
            UserNotFoundError: there is no such user, or the actor may see only their own.
        """
        wanted = _resolve(actor, user_id, Permission.USER_READ)
        now = self._accounts.clock()
        tokens = [each for each in self._accounts.get(wanted).tokens if each.expires_at > now]
        uses = self._accounts.repository.find_last_uses(tokens)
        return [
            replace(each, last_used_at=uses.get(each.digest, each.last_used_at)) for each in tokens
        ]

    def get(self, actor: Actor, user_id: str, token_id: str) -> Token:
        """One of a user's tokens.

        Raises:
            UserNotFoundError: there is no such user, or the actor may see only their own.
            TokenNotFoundError: they have no such token.
        """
        for token in self.list_all(actor, user_id):
            if token.id == token_id.lower():
                return token
        raise TokenNotFoundError

    def revoke(self, actor: Actor, user_id: str, token_id: str) -> None:
        """End a token at once, and the sessions that were begun with it.

        Raises:
            UserNotFoundError: there is no such user, or the actor may revoke only their own.
            TokenNotFoundError: they have no such token.
        """
        wanted, gone = _resolve(actor, user_id, Permission.USER_WRITE), token_id.lower()

        def remove(account: Account) -> Account:
            _require_token(account, gone)
            return account.without_tokens(lambda each: gone in {each.id, each.parent_id})

        def describe(before: Account, after: Account) -> NewEvent:
            return removed_token(actor, _require_token(before, gone))(before, after)

        self._accounts.change(wanted, remove, describe)


def _resolve(actor: Actor, user_id: str, permission: Permission) -> str:
    resolved = resolve_user_id(actor, user_id)
    if resolved != actor.user_id and not actor.may(permission):
        raise UserNotFoundError
    return resolved


def _require_token(account: Account, token_id: str) -> Token:
    for token in account.tokens:
        if token.id == token_id:
            return token
    raise TokenNotFoundError
