"""Data key records in the keys table: `KEY#<id>/record`, and `SCOPE#<scope>/active` naming one."""

import uuid
from datetime import datetime

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.encryption.errors import ActiveKeyExistsError, KeyChangedError
from chalicelib.encryption.models import DataKeyRecord, DataKeyStatus, Wrapped
from chalicelib.storage import Database, Item, Transaction, UTCDateTime
from chalicelib.storage.conditions import refusal_ignored


class DataKeyItem(Item):
    """A wrapped data key."""

    scope = UnicodeAttribute()
    wrapped = BinaryAttribute(legacy_encoding=False, null=True)
    status = UnicodeAttribute()
    created_at = UTCDateTime()
    kms_key = UnicodeAttribute(null=True)
    retired_at = UTCDateTime(null=True)
    resealed_at = UTCDateTime(null=True)


class ActiveKeyItem(Item):
    """Which data key of a scope seals."""

    key_id = UnicodeAttribute()


class DataKeyRepository:
    """Reads and writes data key records; never sees one unwrapped.

    What an operator changes is written by a transaction that comes with what records it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = database.bind(DataKeyItem, "keys")
        self._active = database.bind(ActiveKeyItem, "keys")

    def find(self, key_id: uuid.UUID) -> DataKeyRecord | None:
        """The record of a data key."""
        item = self._keys.find(f"KEY#{key_id}", "record")
        return None if item is None else _to_record(item)

    def find_active_id(self, scope: str) -> uuid.UUID | None:
        """The id of the data key that seals new values of a scope."""
        item = self._active.find(f"SCOPE#{scope}", "active")
        return None if item is None else uuid.UUID(item.key_id)

    def list_all(self) -> list[DataKeyRecord]:
        """All records, by scope and age; reads the whole table, so no request does it."""
        found = self._keys.scan(self._keys.SK == "record", consistent_read=True)
        return sorted(map(_to_record, found), key=lambda each: (each.scope, each.created_at))

    def list_active_ids(self) -> dict[str, uuid.UUID]:
        """Each scope's active data key; reads the whole table, so no request does it."""
        found = self._active.scan(self._active.SK == "active", consistent_read=True)
        return {item.PK.removeprefix("SCOPE#"): uuid.UUID(item.key_id) for item in found}

    def add_first(self, record: DataKeyRecord) -> None:
        """Store a scope's first data key and make it the active one.

        Raises:
            ActiveKeyExistsError: the scope has got one meanwhile.
        """
        transaction = self._database.transaction()
        transaction.put(
            self._pointer(record.scope, record.key_id),
            self._active.absent(),
            ActiveKeyExistsError(),
        )
        self._add(transaction, record)
        transaction.commit()

    def replace_active(
        self, transaction: Transaction, record: DataKeyRecord, former_id: uuid.UUID
    ) -> None:
        """Store a scope's new active data key; the former one only opens from now on.

        Raises:
            KeyChangedError: the former one is not the active one any more.
        """
        transaction.put(
            self._pointer(record.scope, record.key_id),
            self._active.key_id == str(former_id),
            KeyChangedError(),
        )
        self._add(transaction, record)
        transaction.update(
            self._key_of(former_id),
            [
                self._keys.status.set(DataKeyStatus.DECRYPT_ONLY),
                self._keys.retired_at.set(record.created_at),
            ],
            self._keys.present(),
            KeyChangedError(),
        )
        transaction.commit()

    def replace_wrapped(
        self, transaction: Transaction, record: DataKeyRecord, wrapped: Wrapped
    ) -> None:
        """Store a data key wrapped otherwise.

        Raises:
            KeyChangedError: it has been wrapped otherwise, or destroyed, since it was read.
        """
        transaction.update(
            self._key_of(record.key_id),
            [
                self._keys.wrapped.set(wrapped.ciphertext),
                self._keys.kms_key.set(wrapped.kms_key),
            ],
            self._keys.wrapped == record.wrapped,
            KeyChangedError(),
        )
        transaction.commit()

    def note_resealing(self, key_id: uuid.UUID, now: datetime) -> None:
        """Note that values are being re-sealed from a data key to another."""
        with refusal_ignored():
            self._key_of(key_id).update(
                actions=[self._keys.resealed_at.set(now)], condition=self._keys.present()
            )

    def revoke(self, transaction: Transaction, record: DataKeyRecord) -> None:
        """Let a data key open nothing any more.

        Raises:
            KeyChangedError: it has become another's since it was read.
        """
        condition = self._keys.status == DataKeyStatus.DECRYPT_ONLY
        if record.resealed_at is None:
            condition &= self._keys.resealed_at.does_not_exist()
        else:
            condition &= self._keys.resealed_at == record.resealed_at
        transaction.update(
            self._key_of(record.key_id),
            [self._keys.status.set(DataKeyStatus.REVOKED)],
            condition,
            KeyChangedError(),
        )
        transaction.commit()

    def remove_active(self, scope: str, key_id: uuid.UUID) -> None:
        """Leave a scope without an active data key, and destroy the one that was.

        Raises:
            KeyChangedError: another has become the active one.
        """
        transaction = self._database.transaction()
        transaction.delete(
            self._active(f"SCOPE#{scope}", "active"),
            self._active.key_id == str(key_id),
            KeyChangedError(),
        )
        transaction.update(
            self._key_of(key_id), self._destruction(), self._keys.present(), KeyChangedError()
        )
        transaction.commit()

    def destroy(self, key_id: uuid.UUID) -> None:
        """Revoke a data key and forget it: not even KMS can bring it back."""
        with refusal_ignored():
            self._key_of(key_id).update(actions=self._destruction(), condition=self._keys.present())

    def _destruction(self) -> list[Action]:
        return [self._keys.status.set(DataKeyStatus.REVOKED), self._keys.wrapped.remove()]

    def _add(self, transaction: Transaction, record: DataKeyRecord) -> None:
        item = self._keys(
            PK=f"KEY#{record.key_id}",
            SK="record",
            scope=record.scope,
            wrapped=record.wrapped,
            status=record.status,
            created_at=record.created_at,
            kms_key=record.kms_key or None,
        )
        transaction.put(item, self._keys.absent(), ActiveKeyExistsError())

    def _pointer(self, scope: str, key_id: uuid.UUID) -> ActiveKeyItem:
        return self._active(PK=f"SCOPE#{scope}", SK="active", key_id=str(key_id))

    def _key_of(self, key_id: uuid.UUID) -> DataKeyItem:
        return self._keys(f"KEY#{key_id}", "record")


def _to_record(item: DataKeyItem) -> DataKeyRecord:
    return DataKeyRecord(
        uuid.UUID(item.PK.removeprefix("KEY#")),
        item.scope,
        item.wrapped or b"",
        item.created_at,
        DataKeyStatus(item.status),
        item.kms_key or "",
        item.retired_at,
        item.resealed_at,
    )
