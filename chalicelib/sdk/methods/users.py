"""Users and their tokens."""

from ..connection import segment
from ..identity import CreateTokenReply, CreateTokenRequest, CreateUserRequest, User
from .base import Methods

_USERS = "/api/v2/users"


class UserMethods(Methods):
    """Users and their tokens; a user is given by id, or as `me`."""

    def get_user(self, user: str = "me") -> User:
        """A user by id, or `me`."""
        return self._connection.get(User, f"{_USERS}/{segment(user)}")

    def create_user(self, request: CreateUserRequest) -> User:
        """Add a person."""
        return self._connection.create(User, _USERS, request)

    def create_token(
        self, user: str = "me", request: CreateTokenRequest | None = None
    ) -> CreateTokenReply:
        """Make an API token; its text is in this answer only."""
        path = f"{_USERS}/{segment(user)}/keys/tokens"
        return self._connection.create(CreateTokenReply, path, request or CreateTokenRequest())

    def logout(self) -> None:
        """End the token that this client uses."""
        self._connection.send("POST", f"{_USERS}/logout")
