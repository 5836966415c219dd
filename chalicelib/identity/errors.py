"""What can go wrong with users, tokens and permissions."""

from chalicelib.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
)


class InvalidTokenError(UnauthenticatedError):
    """The token is unknown, expired or revoked, or its user is suspended."""

    code = "invalid_token"

    def __init__(self) -> None:
        super().__init__("The token is unknown, expired or revoked. Sign in again.")


class MissingTokenError(UnauthenticatedError):
    """The request carries no credentials."""

    code = "missing_token"

    def __init__(self) -> None:
        super().__init__(
            "You are not signed in. Send an API token as `Authorization: Bearer …`, "
            "or sign in with a browser."
        )


class NotAllowedError(ForbiddenError):
    """The actor's roles do not hold the permission."""

    code = "not_allowed"

    def __init__(self) -> None:
        super().__init__("Forbidden.", detail="Your roles do not allow this.")


class UserNotFoundError(NotFoundError):
    """There is no such user, or the actor may not see them."""

    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class UserExistsError(ConflictError):
    """Another user has the e-mail address or the user name."""

    code = "user_exists"

    def __init__(self, field: str) -> None:
        super().__init__(f"A user with this {field} already exists.")


class WeakTokenError(InvalidInputError):
    """A token chosen by the operator is too short to be safe."""

    code = "weak_token"

    def __init__(self) -> None:
        super().__init__("A token chosen by hand must have at least 32 characters.")


class TokenExistsError(ConflictError):
    """The same token is stored already."""

    code = "token_exists"

    def __init__(self) -> None:
        super().__init__("This token exists already.")
