"""Users and tokens as the audit log describes them; a token's text is not even in the model."""

from collections.abc import Callable

from chalicelib.audit import Action, NewEvent, ObjectType, Snapshot, diff
from chalicelib.identity.models import Account, Actor, Token, TokenKind

Describe = Callable[[Account, Account], NewEvent]
"""What to record of the change from one account to the other."""


def describe_user(account: Account) -> Snapshot:
    """A user's fields, by their names in the API, and who they are at the identity provider."""
    user, login = account.user, account.login
    return {
        "email": user.email,
        "username": user.username,
        "name": user.name,
        "roles": user.roles,
        "status": user.status,
        "oidc_login": f"{login.issuer} {login.subject}" if login else None,
    }


def describe_token(token: Token, user_id: str) -> Snapshot:
    """A token's or session's fields."""
    return {
        "token_name": token.name,
        "user_id": user_id,
        "scopes": token.scopes,
        "expires_at": token.expires_at,
    }


def did_to_user(actor: Actor, action: Action) -> Describe:
    """What an actor does to a user."""

    def describe(before: Account, after: Account) -> NewEvent:
        was, is_now = describe_user(before), describe_user(after)
        changes = diff(was, {}) if action is Action.DELETE else diff(was, is_now)
        return actor.did(action, ObjectType.USER, before.user.id, changes)

    return describe


def made_token(actor: Actor, action: Action, token: Token) -> Describe:
    """That an actor makes a token, or a session; perhaps it links them to a person."""

    def describe(before: Account, after: Account) -> NewEvent:
        was, made = describe_user(before), describe_token(token, after.user.id)
        linked = {"oidc_login": describe_user(after)["oidc_login"]}
        changes = diff({"oidc_login": was["oidc_login"]}, {**made, **linked})
        return actor.did(action, _type_of(token), token.id, changes)

    return describe


def removed_token(actor: Actor, token: Token) -> Describe:
    """That an actor revokes a token, or ends a session."""

    def describe(before: Account, _: Account) -> NewEvent:
        changes = diff(describe_token(token, before.user.id), {})
        return actor.did(Action.DELETE, _type_of(token), token.id, changes)

    return describe


def _type_of(token: Token) -> ObjectType:
    return ObjectType.TOKEN if token.kind is TokenKind.API else ObjectType.SESSION
