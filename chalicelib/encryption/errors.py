"""What can go wrong with sealed values and the keys that seal them."""

from chalicelib.errors import CiboriumError, InvalidInputError, UnavailableError, Validation


class EncryptionUnavailableError(UnavailableError):
    """KMS does not unwrap or make a data key: throttled, denied, disabled or out of reach."""

    code = "encryption_unavailable"


class SealedValueError(CiboriumError):
    """A sealed value does not open: it was altered, moved or cut, or its data key is gone.

    It says nothing about why, so that a forger learns nothing.
    """

    code = "sealed_value_unreadable"

    def __init__(self) -> None:
        super().__init__("A stored secret cannot be read. Enter it again, or reconnect.")


class ActiveKeyExistsError(CiboriumError):
    """Another container made the scope's first data key a moment ago."""

    code = "active_key_exists"

    def __init__(self) -> None:
        super().__init__("The scope already has an active data key.")


class InvalidCursorError(InvalidInputError):
    """A cursor is not one of ours, or was made for another caller or another query."""

    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not valid. Start again without one.",
            validations=[Validation("cursor", "was not made for you and this very query")],
        )
