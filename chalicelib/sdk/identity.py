"""Users, their tokens, and signing in."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from .base import Name, Reply, Request

Username = Annotated[
    str, StringConstraints(max_length=32, pattern=r"^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$")
]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]


class Role(Reply):
    """A role by its name."""

    name: str


class User(Reply):
    """A person, as others may see them."""

    id: str
    username: str
    name: str
    email: str
    status: Literal["active", "suspended"]
    roles: list[Role]
    organization_ids: list[str]
    created_at: datetime
    updated_at: datetime


class CreateUserRequest(Request):
    """A new person; `roles` are site roles beyond `member`."""

    email: Email
    username: Username
    name: Annotated[str, StringConstraints(max_length=128)] = ""
    roles: list[Literal["owner", "member"]] = Field(default_factory=list, max_length=2)


class CreateTokenRequest(Request):
    """A new API token; `lifetime` is in seconds."""

    token_name: Name = "token"
    lifetime: Annotated[int, Field(ge=60, le=365 * 24 * 3600)] = 90 * 24 * 3600


class CreateTokenReply(Reply):
    """The new token. It is shown here once and stored only as a hash."""

    id: str
    key: str
    expires_at: datetime


class LoginRequest(Request):
    """Signing a browser in with an API token; `next` is a path to go on to."""

    token: SecretStr
    next: Annotated[str, StringConstraints(max_length=2048)] = ""
