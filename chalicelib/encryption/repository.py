"""Data key records in the keys table: `KEY#<id>/record`, and `SCOPE#<scope>/active` naming one."""

import uuid

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from chalicelib.encryption.errors import ActiveKeyExistsError
from chalicelib.encryption.models import DataKeyRecord, DataKeyStatus
from chalicelib.storage import Database, Item, UTCDateTime


class DataKeyItem(Item):
    """A wrapped data key."""

    scope = UnicodeAttribute()
    wrapped = BinaryAttribute(legacy_encoding=False)
    status = UnicodeAttribute()
    created_at = UTCDateTime()


class ActiveKeyItem(Item):
    """Which data key of a scope seals."""

    key_id = UnicodeAttribute()


class DataKeyRepository:
    """Reads and writes data key records; never sees one unwrapped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = database.bind(DataKeyItem, "keys")
        self._active = database.bind(ActiveKeyItem, "keys")

    def find(self, key_id: uuid.UUID) -> DataKeyRecord | None:
        """The record of a data key."""
        item = self._keys.find(f"KEY#{key_id}", "record")
        if item is None:
            return None
        return DataKeyRecord(
            key_id, item.scope, item.wrapped, item.created_at, DataKeyStatus(item.status)
        )

    def find_active_id(self, scope: str) -> uuid.UUID | None:
        """The id of the data key that seals new values of a scope."""
        item = self._active.find(f"SCOPE#{scope}", "active")
        return None if item is None else uuid.UUID(item.key_id)

    def add_first(self, record: DataKeyRecord) -> None:
        """Store a scope's first data key and make it the active one.

        Raises:
            ActiveKeyExistsError: the scope has got one meanwhile.
        """
        transaction = self._database.transaction()
        transaction.put(
            self._active(PK=f"SCOPE#{record.scope}", SK="active", key_id=str(record.key_id)),
            self._active.absent(),
            ActiveKeyExistsError(),
        )
        transaction.put(
            self._keys(
                PK=f"KEY#{record.key_id}",
                SK="record",
                scope=record.scope,
                wrapped=record.wrapped,
                status=record.status,
                created_at=record.created_at,
            ),
            self._keys.absent(),
            ActiveKeyExistsError(),
        )
        transaction.commit()
