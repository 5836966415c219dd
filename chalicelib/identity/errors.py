"""What can go wrong with users, tokens and permissions."""

from chalicelib.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
    Validation,
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
        self.field = field


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


class TokenScopeError(ForbiddenError):
    """The user may do this, but the token that they used was made for something else."""

    code = "token_scope"

    def __init__(self) -> None:
        super().__init__(
            "Forbidden.",
            detail="The token's scopes do not allow this. Use one with the scope that it takes.",
        )


class AccountChangedError(ConflictError):
    """Another request changed the account meanwhile; it is read again and tried anew."""

    code = "account_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this user meanwhile. Try again.")


class LastOwnerError(ConflictError):
    """Without this owner nobody could administer the deployment."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__(
            "This is the last active owner. Make somebody else an owner first: "
            "without one, nobody could administer this deployment."
        )


class UserSuspendedError(ConflictError):
    """The user is suspended and gets no tokens."""

    code = "user_suspended"

    def __init__(self) -> None:
        super().__init__("The user is suspended. Activate them first.")


class TokenNotFoundError(NotFoundError):
    """The user has no such token."""

    code = "token_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such token.")


class TokenNameTakenError(ConflictError):
    """Another of the user's tokens has the name."""

    code = "token_name_taken"

    def __init__(self) -> None:
        super().__init__("Another token of this user has this name. Choose another, or revoke it.")


class TooManyTokensError(ConflictError):
    """The user has as many tokens as they may have."""

    code = "too_many_tokens"

    def __init__(self, most: int) -> None:
        super().__init__(f"A user may have {most} API tokens. Revoke one first.")


class InvalidUserQueryError(InvalidInputError):
    """The query asks for no possible page of users."""

    code = "invalid_page"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid page.", validations=[Validation(field, detail)])


class LoginTakenError(ConflictError):
    """Another user signs in as this person of the OpenID Connect provider."""

    code = "login_taken"

    def __init__(self) -> None:
        super().__init__("Another user signs in with this account of the identity provider.")


class AccountBusyError(UnavailableError):
    """Others have changed the account again and again."""

    code = "account_busy"

    def __init__(self) -> None:
        super().__init__("Others are changing this user right now. Nothing was changed; try again.")


class LoginMismatchError(ForbiddenError):
    """The e-mail address is a user's who signs in as another person of the same provider."""

    code = "login_mismatch"

    def __init__(self) -> None:
        super().__init__(
            "The user with your e-mail address signs in with another account of the identity "
            "provider. Ask an admin: addresses are sometimes given to somebody new."
        )


class LockedOutError(ForbiddenError):
    """The user is suspended."""

    code = "locked_out"

    def __init__(self) -> None:
        super().__init__("Your account is suspended. Ask an admin.")
