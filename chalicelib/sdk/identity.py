"""Users, their tokens, and signing in."""

from dataclasses import field
from datetime import datetime
from typing import Literal

from .base import KnownID, Reply


class Role(Reply):
    """A role by its name."""

    name: str


class User(Reply):
    """A person; lists leave `organization_ids` out."""

    id: KnownID
    username: str
    name: str
    email: str
    status: Literal["active", "suspended", "deleting"]
    roles: list[Role]
    organization_ids: list[KnownID] | None = None
    created_at: datetime
    updated_at: datetime


class Users(Reply):
    """A page of users, by user name."""

    users: list[User]
    has_more: bool


Scope = Literal["all", "read", "mcp", "chats", "users"]


class CreateTokenReply(Reply):
    """The new token. It is shown here once and stored only as a hash."""

    id: KnownID
    key: str = field(repr=False)
    expires_at: datetime


class Token(Reply):
    """An API token or a browser session, without the token itself; `last_used` is to the hour."""

    id: KnownID
    token_name: str
    kind: Literal["api", "session"]
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    last_used: datetime | None = None
