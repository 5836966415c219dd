"""Requests about users and their tokens, and signing in."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from ..identity import Scope
from .base import ONE_LINE, Name, Request

Username = Annotated[
    str, StringConstraints(max_length=32, pattern=r"^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$")
]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"), ONE_LINE]
PersonName = Annotated[str, StringConstraints(max_length=128), ONE_LINE]


class CreateUserRequest(Request):
    """A new person; `roles` are site roles beyond `member`."""

    email: Email
    username: Username
    name: PersonName = ""
    roles: list[Literal["owner", "member"]] = Field(default_factory=list, max_length=2)


class UpdateUserRequest(Request):
    """What is to change; what is absent or null stays. `roles` replaces them all."""

    email: Email | None = None
    username: Username | None = None
    name: PersonName | None = None
    roles: list[Literal["owner", "member"]] | None = Field(default=None, max_length=2)


class CreateTokenRequest(Request):
    """A new API token; `lifetime` is in seconds, and of several `scopes` each adds."""

    token_name: Name | None = None
    lifetime: Annotated[int, Field(ge=60, le=365 * 24 * 3600)] = 90 * 24 * 3600
    scopes: list[Scope] = Field(default=["all"], min_length=1, max_length=5)


class LoginRequest(Request):
    """Signing a browser in with an API token; `next` is a path to go on to."""

    token: SecretStr
    next: Annotated[str, StringConstraints(max_length=2048)] = ""
