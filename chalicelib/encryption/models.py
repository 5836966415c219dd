"""Data keys, and the places that sealed values are bound to."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

DEPLOYMENT_SCOPE = "deployment"

Row = Mapping[str, Mapping[str, Any]]
"""A stored row as DynamoDB has it, such as `{"PK": {"S": "USER#…"}, …}`."""
FindRow = Callable[[str, str], Row | None]
"""Gives another row of the same table by its key."""
Holder = Callable[[Row, FindRow], tuple[str, str] | None]
"""Tells whose a row's values are: the entity's id and the owner's. None: not to be told yet."""


def organization_scope(organization_id: str) -> str:
    """The scope of one organisation's data keys, so that they can be destroyed alone."""
    return f"organization:{organization_id}"


class DataKeyStatus(StrEnum):
    """What a data key may still be used for."""

    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt-only"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key's plaintext, encrypted by a KMS key; and the ARN of that."""

    ciphertext: bytes
    kms_key: str


@dataclass(frozen=True, slots=True)
class DataKeyRecord:
    """A data key as it is stored: wrapped by the KMS key, useless without it.

    Attributes:
        wrapped: empty once it is destroyed.
        kms_key: the ARN of the KMS key that wraps it; empty for one that was made before that was
            noted down.
        retired_at: when another became the active one.
        resealed_at: when a value was last re-sealed from this key to another, give or take a
            minute.
    """

    key_id: uuid.UUID
    scope: str
    wrapped: bytes
    created_at: datetime
    status: DataKeyStatus = DataKeyStatus.ACTIVE
    kms_key: str = ""
    retired_at: datetime | None = None
    resealed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DataKey:
    """An unwrapped data key: 32 bytes that leave this process nowhere."""

    key_id: uuid.UUID
    plaintext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedField:
    """A field that is only ever kept sealed.

    Attributes:
        table: which table's, or what else carries it.
        name: of the attribute.
        holder: tells from a row whose value it is, as the feature's own `Place` says it; None for
            what clients carry, which is nowhere to be visited.
    """

    table: str
    name: str
    holder: Holder | None = None

    @property
    def stored(self) -> bool:
        """Whether it is kept in a table."""
        return self.holder is not None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives. It opens there and nowhere else.

    Attributes:
        field: the table and field.
        entity_id: the id of the item that holds it.
        owner_id: the user whose secret it is; empty for the deployment's own.
    """

    field: SealedField
    entity_id: str
    owner_id: str = ""

    def encode(self) -> bytes:
        """An injective encoding: each part behind its length, so no two places look alike."""
        parts = (self.field.table, self.field.name, self.entity_id, self.owner_id)
        encoded = [part.encode() for part in parts]
        return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
