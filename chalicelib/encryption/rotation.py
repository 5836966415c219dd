"""The life of data keys, as an operator steers it: rotate, count, move, revoke, destroy.

A container notices a rotation after at most five minutes (`service.py`), and a request or a step
that has read a value may write it back until its Lambda ends, three minutes later. So a key whose
last value was re-sealed long enough ago, and that has been no active key for as long, will be
written nowhere any more: only then `revoke` believes its own count.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from chalicelib.encryption.errors import (
    DataKeyNotFoundError,
    KeyActiveError,
    KeyChangedError,
    KeyInUseError,
    KeyInUseLatelyError,
    ScopeIndestructibleError,
    ScopeNotFoundError,
    SealedValueError,
)
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.models import (
    DEPLOYMENT_SCOPE,
    DataKeyRecord,
    DataKeyStatus,
    Wrapped,
)
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.encryption.resealing import PAGE_SIZE, Report, stored_fields
from chalicelib.encryption.sealing import parse_key_id
from chalicelib.primitives import Clock
from chalicelib.storage import Transaction
from chalicelib.storage.rows import Rows

# Five minutes for who has the pointer cached, three for the longest Lambda, a minute for the notes
# of re-sealing; and sign-ins under way, whose cookies are sealed as well, live for ten.
SETTLED_AFTER = timedelta(minutes=15)
Values = dict[uuid.UUID, Counter[tuple[str, str]]]
Begin = Callable[[DataKeyRecord, DataKeyRecord], Transaction]
"""Begins the transaction of a change with what records it, given the data key that was and that
which will be: the same one, or another in its place. The audit log stands above this package."""


class KeyRotation:
    """What an operator does with data keys; who may is decided by AWS, not here.

    Args:
        keys: the records.
        kms: wraps them.
        rows: the tables, to count values in.
        clock: the time.
    """

    def __init__(self, keys: DataKeyRepository, kms: KMSKeyring, rows: Rows, clock: Clock) -> None:
        self._keys = keys
        self._kms = kms
        self._rows = rows
        self._clock = clock

    def list_keys(self) -> list[DataKeyRecord]:
        """All data keys, by scope and age."""
        return self._keys.list_all()

    def count_values(self, report: Report, page_size: int | None = PAGE_SIZE) -> Values:
        """How many values each data key seals, by table and field; reads all tables.

        What is no sealed value at all is counted under the nil UUID.
        """
        found: Values = {}
        for table, fields in stored_fields():
            names = [each.name for each in fields]
            looked_at = 0
            for rows, chosen_from in self._rows.pages(table, page_size, having=names):
                looked_at += chosen_from
                for row in rows:
                    for name in names:
                        sealed = bytes(row.get(name, {}).get("B", b""))
                        if sealed:
                            found.setdefault(_key_id_of(sealed), Counter())[table, name] += 1
                report(f"{table}: {looked_at} rows counted")
        return found

    def rotate(self, former: DataKeyRecord, begin: Begin) -> DataKeyRecord:
        """Give a scope a new active data key; the former one only opens from now on.

        Raises:
            KeyChangedError: the former one is not the active one any more.
            EncryptionUnavailableError: KMS does not answer; nothing was changed.
        """
        key_id = uuid.uuid4()
        _, wrapped = self._kms.generate(former.scope, key_id)
        record = DataKeyRecord(
            key_id, former.scope, wrapped.ciphertext, self._clock(), kms_key=wrapped.kms_key
        )
        self._keys.replace_active(begin(former, record), record, former.key_id)
        return record

    def get_kms_key_arn(self, kms_key: str) -> str:
        """The ARN of a KMS key by id, ARN or alias.

        Raises:
            KMSKeyNotFoundError: there is none.
            EncryptionUnavailableError: KMS denies or does not answer.
        """
        return self._kms.get_arn(kms_key)

    def move(self, record: DataKeyRecord, kms_key_arn: str, begin: Begin) -> bool:
        """Let another KMS key wrap a data key; False if it does already, or there is nothing to.

        Raises:
            KeyChangedError: somebody else moved or destroyed it at the same time.
            EncryptionUnavailableError: one of the two KMS keys may not be used; nothing was
                changed.
            SealedValueError: the record is not as KMS made it.
        """
        if not record.wrapped or record.kms_key == kms_key_arn:
            return False
        wrapped = self._kms.rewrap(record, kms_key=kms_key_arn)
        moved = replace(record, wrapped=wrapped.ciphertext, kms_key=wrapped.kms_key)
        self._keys.replace_wrapped(begin(record, moved), record, wrapped)
        return True

    def rewrap_foreign(self, record: DataKeyRecord, stage: str) -> Wrapped:
        """A data key of another deployment, as this one can unwrap it.

        Raises:
            EncryptionUnavailableError: one of the two KMS keys may not be used.
            SealedValueError: the record is not as KMS made it.
        """
        return self._kms.rewrap(record, from_stage=stage)

    def revoke(self, key_id: uuid.UUID, report: Report, begin: Begin) -> None:
        """Let a data key open nothing any more, after seeing that it need not.

        Nothing happens if it is revoked already.

        Raises:
            DataKeyNotFoundError: there is none with this id.
            KeyActiveError: it is its scope's active one.
            KeyInUseLatelyError: a request under way may still write a value with it.
            KeyInUseError: values are sealed with it; the error says how many, and where.
            KeyChangedError: re-sealing, or somebody else, was at it meanwhile.
        """
        record = self._keys.find(key_id)
        if record is None:
            raise DataKeyNotFoundError(key_id)
        if record.status is DataKeyStatus.REVOKED:
            return
        if self._keys.find_active_id(record.scope) == key_id:
            raise KeyActiveError
        started = self._clock()
        values = self.count_values(report).get(key_id)
        if values:
            raise KeyInUseError(values)
        _require_settled(record, started)  # Or the count may have missed what came after.
        revoked = replace(record, status=DataKeyStatus.REVOKED)
        self._keys.revoke(begin(record, revoked), record)

    def list_scope(self, scope: str) -> Sequence[DataKeyRecord]:
        """The data keys of an organisation, to be destroyed.

        Raises:
            ScopeIndestructibleError: it is the deployment's scope.
            ScopeNotFoundError: there are none.
        """
        if scope == DEPLOYMENT_SCOPE:
            raise ScopeIndestructibleError
        found = [each for each in self._keys.list_all() if each.scope == scope]
        if not found:
            raise ScopeNotFoundError(scope)
        return found

    def destroy(self, scope: str) -> int:
        """Destroy all data keys of an organisation, whatever they seal; how many. Final.

        The active one goes first, so that whatever people enter from now on gets a new one.

        Raises:
            ScopeIndestructibleError, ScopeNotFoundError: as `list_scope`.
            KeyChangedError: somebody rotated the scope at the same time; to be repeated.
        """
        records = self.list_scope(scope)
        active_id = self._keys.find_active_id(scope)
        if active_id is not None:
            if active_id not in {each.key_id for each in records}:
                raise KeyChangedError
            self._keys.remove_active(scope, active_id)
        for record in records:
            self._keys.destroy(record.key_id)
        return len(records)


def _require_settled(record: DataKeyRecord, now: datetime) -> None:
    used = [each for each in (record.retired_at, record.resealed_at) if each]
    wait = max(used, default=record.created_at) + SETTLED_AFTER - now
    if wait > timedelta(0):
        raise KeyInUseLatelyError(ceil(wait / timedelta(minutes=1)))


def _key_id_of(sealed: bytes) -> uuid.UUID:
    try:
        return parse_key_id(sealed)
    except SealedValueError:
        return uuid.UUID(int=0)
