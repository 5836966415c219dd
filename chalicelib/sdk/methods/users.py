"""Users and their tokens."""

from collections.abc import Iterator
from typing import Literal

from ..connection import segment
from ..identity import CreateTokenReply, Token, User, Users
from ..paging import PAGE_SIZE, iterate_pages
from ..requests.identity import CreateTokenRequest, CreateUserRequest, UpdateUserRequest
from .base import Methods

_USERS = "/api/v2/users"


class UserMethods(Methods):
    """Users and their tokens; a user is given by id, or as `me`."""

    def get_user(self, user: str = "me") -> User:
        """A user by id, or `me`."""
        return self._connection.get(User, f"{_USERS}/{segment(user)}")

    def list_users(
        self,
        *,
        search: str | None = None,
        status: Literal["active", "suspended"] | None = None,
        limit: int | None = None,
        after_id: str | None = None,
    ) -> Users:
        """A page of users, by user name."""
        query = {"q": search, "status": status, "limit": limit, "after_id": after_id}
        return self._connection.get(Users, _USERS, query)

    def iter_users(
        self,
        *,
        search: str | None = None,
        status: Literal["active", "suspended"] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[User]:
        """All users, by user name."""

        def get_page(cursor: str | None) -> tuple[list[User], str | None]:
            page = self.list_users(search=search, status=status, limit=page_size, after_id=cursor)
            return page.users, page.users[-1].id if page.has_more and page.users else None

        return iterate_pages(get_page)

    def create_user(self, request: CreateUserRequest) -> User:
        """Add a person."""
        return self._connection.create(User, _USERS, request)

    def update_user(self, user: str, request: UpdateUserRequest) -> User:
        """Change what the request sets."""
        return self._connection.change(User, f"{_USERS}/{segment(user)}", request)

    def suspend_user(self, user: str) -> User:
        """Lock a person out, at once."""
        path = f"{_USERS}/{segment(user)}/status/suspend"
        return self._connection.change(User, path, method="PUT")

    def activate_user(self, user: str) -> User:
        """Let a suspended person in again."""
        path = f"{_USERS}/{segment(user)}/status/activate"
        return self._connection.change(User, path, method="PUT")

    def delete_user(self, user: str) -> None:
        """Remove a person and all that they have, in as many requests as it takes."""
        self._connection.delete_all(f"{_USERS}/{segment(user)}")

    def create_token(
        self, user: str = "me", request: CreateTokenRequest | None = None
    ) -> CreateTokenReply:
        """Make an API token; its text is in this answer only."""
        path = f"{_USERS}/{segment(user)}/keys/tokens"
        return self._connection.create(CreateTokenReply, path, request or CreateTokenRequest())

    def list_tokens(self, user: str = "me") -> list[Token]:
        """A user's API tokens and sessions, without what is secret."""
        return self._connection.get_list(Token, f"{_USERS}/{segment(user)}/keys/tokens")

    def get_token(self, token_id: str, user: str = "me") -> Token:
        """One token."""
        path = f"{_USERS}/{segment(user)}/keys/{segment(token_id)}"
        return self._connection.get(Token, path)

    def revoke_token(self, token_id: str, user: str = "me") -> None:
        """End a token at once."""
        self._connection.delete(f"{_USERS}/{segment(user)}/keys/{segment(token_id)}")

    def logout(self) -> None:
        """End the token that this client uses."""
        self._connection.send("POST", f"{_USERS}/logout")
