"""Data keys, and the places that sealed values are bound to."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

DEPLOYMENT_SCOPE = "deployment"


def organization_scope(organization_id: str) -> str:
    """The scope of one organisation's data keys, so that they can be destroyed alone."""
    return f"organization:{organization_id}"


class DataKeyStatus(StrEnum):
    """What a data key may still be used for."""

    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt-only"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class DataKeyRecord:
    """A data key as it is stored: wrapped by the KMS key, useless without it."""

    key_id: uuid.UUID
    scope: str
    wrapped: bytes
    created_at: datetime
    status: DataKeyStatus = DataKeyStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class DataKey:
    """An unwrapped data key: 32 bytes that leave this process nowhere."""

    key_id: uuid.UUID
    plaintext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedField:
    """A field that is only ever kept sealed; `stored` is false for what a browser carries."""

    table: str
    name: str
    stored: bool = True


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
