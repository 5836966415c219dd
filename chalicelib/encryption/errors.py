"""What can go wrong with sealed values and the keys that seal them."""

import uuid
from collections.abc import Mapping

from chalicelib.errors import (
    CiboriumError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    Validation,
)


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


class DataKeyRevokedError(SealedValueError, ConflictError):
    """A sealed value's data key was revoked or destroyed by an operator."""

    code = "data_key_revoked"

    def __init__(self) -> None:
        CiboriumError.__init__(
            self,
            "The key of a stored secret was revoked, so it cannot be read any more. "
            "Enter the secret again, or reconnect.",
        )


class DataKeyNotFoundError(NotFoundError):
    """There is no data key with this id."""

    code = "data_key_not_found"

    def __init__(self, key_id: uuid.UUID) -> None:
        super().__init__(f"There is no data key {key_id}. `keys list` shows those that there are.")


class KMSKeyNotFoundError(NotFoundError):
    """There is no KMS key with this id, ARN or alias."""

    code = "kms_key_not_found"

    def __init__(self, kms_key: str) -> None:
        super().__init__(f"There is no KMS key {kms_key} in this account and region.")


class ScopeNotFoundError(NotFoundError):
    """A scope has no active data key: nothing was ever sealed in it, or its keys are destroyed."""

    code = "scope_not_found"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The scope {scope} has no active data key. `keys list` shows all scopes.")


class ScopeIndestructibleError(ConflictError):
    """Only an organisation's data keys can be destroyed."""

    code = "scope_indestructible"

    def __init__(self) -> None:
        super().__init__(
            "Only the keys of one organization can be destroyed: organization:ID. Those of the "
            "deployment seal what all of it needs."
        )


class KeyChangedError(ConflictError):
    """Somebody else rotated, moved or revoked the key at the same time."""

    code = "data_key_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed the key at the same time. Look at it, and repeat.")


class KeyActiveError(ConflictError):
    """The active data key cannot be revoked."""

    code = "data_key_active"

    def __init__(self) -> None:
        super().__init__("The key is its scope's active one. Rotate the scope, and re-seal, first.")


class KeyInUseError(ConflictError):
    """Values are sealed with the data key."""

    code = "data_key_in_use"

    def __init__(self, values: Mapping[tuple[str, str], int]) -> None:
        where = ", ".join(f"{n} in {table}.{name}" for (table, name), n in sorted(values.items()))
        super().__init__(
            f"{sum(values.values())} values are sealed with the key: {where}. "
            "Run `keys reseal`, and try again."
        )
        self.values = dict(values)


class KeyInUseLatelyError(ConflictError):
    """A request that began before may still be about to write a value sealed with the key."""

    code = "data_key_in_use_lately"

    def __init__(self, minutes: int) -> None:
        super().__init__(
            "The key was in use a moment ago, and a request under way may still write a value that "
            f"is sealed with it. Try again in {minutes} minutes."
        )


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
