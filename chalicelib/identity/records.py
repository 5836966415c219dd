"""What is stored of models, under which keys, and models from what is stored; no I/O.

What is given as `item` is read by its attributes, so that `items.py` alone knows DynamoDB's types.
"""

from datetime import datetime
from typing import Any

from chalicelib.identity.models import (
    Account,
    Credential,
    Login,
    Token,
    TokenKind,
    User,
    UserStatus,
)
from chalicelib.identity.permissions import SiteRole, TokenScope

DIRECTORY = "USERS"
"""The partition in which all users are listed."""


def user_key(user_id: str) -> str:
    """The partition of a user."""
    return f"USER#{user_id}"


def email_key(email: str) -> str:
    """The guard of an e-mail address, whatever its case."""
    return f"EMAIL#{email.casefold()}"


def login_key(login: Login) -> str:
    """The guard of a login; an issuer has no `#` (OIDC Discovery section 3), so no two collide."""
    return f"OIDC#{login.issuer}#{login.subject}"


def token_key(digest: str) -> str:
    """The partition of a credential."""
    return f"TOKEN#{digest}"


def search_text(user: User) -> str:
    """What a search for users looks through."""
    return "\n".join((user.username, user.email, user.name)).casefold()


def token_to_record(token: Token) -> dict[str, Any]:
    """A token as the account's item keeps it."""
    return {
        "id": token.id,
        "digest": token.digest,
        "kind": token.kind.value,
        "name": token.name,
        "scopes": [scope.value for scope in token.scopes],
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "parent_id": token.parent_id,
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
    }


def account_attributes(account: Account, version: int) -> dict[str, Any]:
    """What an account's item holds."""
    login = account.login
    return {
        "PK": user_key(account.user.id),
        "SK": "account",
        **_user_attributes(account.user),
        "tokens": [token_to_record(token) for token in account.tokens],
        "issuer": login.issuer if login else None,
        "subject": login.subject if login else None,
        "version": version,
    }


def entry_attributes(user: User) -> dict[str, Any]:
    """What a user's entry in the directory holds."""
    return {
        "PK": DIRECTORY,
        "SK": user.username.casefold(),
        **_user_attributes(user),
        "search": search_text(user),
    }


def credential_attributes(credential: Credential) -> dict[str, Any]:
    """What a credential's item holds."""
    token = credential.token
    return {
        "PK": token_key(token.digest),
        "SK": "token",
        "token_id": token.id,
        "kind": token.kind,
        "name": token.name,
        "scopes": list(token.scopes),
        "parent_id": token.parent_id,
        "user_id": credential.user_id,
        "username": credential.username,
        "roles": list(credential.roles),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    }


def token_from_record(record: dict[str, Any]) -> Token:
    """The token that `token_to_record` wrote."""
    last_used_at = record["last_used_at"]
    return Token(
        id=record["id"],
        digest=record["digest"],
        kind=TokenKind(record["kind"]),
        name=record["name"],
        scopes=tuple(TokenScope(scope) for scope in record["scopes"]),
        created_at=datetime.fromisoformat(record["created_at"]),
        expires_at=datetime.fromisoformat(record["expires_at"]),
        parent_id=record["parent_id"],
        last_used_at=datetime.fromisoformat(last_used_at) if last_used_at else None,
    )


def to_user(item: Any) -> User:
    """The user of an account or of an entry of the directory."""
    return User(
        id=item.user_id,
        email=item.email,
        username=item.username,
        name=item.name,
        roles=tuple(SiteRole(name) for name in item.roles),
        status=UserStatus(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


def to_account(item: Any) -> Account:
    """An account."""
    return Account(
        user=to_user(item),
        tokens=tuple(token_from_record(record) for record in item.tokens),
        login=Login(item.issuer, item.subject) if item.issuer else None,
        version=int(item.version),
    )


def to_credential(item: Any, digest: str) -> Credential:
    """A credential."""
    token = Token(
        id=item.token_id,
        digest=digest,
        kind=TokenKind(item.kind),
        name=item.name,
        scopes=tuple(TokenScope(scope) for scope in item.scopes),
        created_at=item.created_at,
        expires_at=item.expires_at,
        parent_id=item.parent_id,
        last_used_at=item.last_used_at,
    )
    roles = tuple(SiteRole(name) for name in item.roles)
    return Credential(token, item.user_id, item.username, roles)


def _user_attributes(user: User) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "email": user.email,
        "username": user.username,
        "name": user.name,
        "roles": list(user.roles),
        "status": user.status,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }
