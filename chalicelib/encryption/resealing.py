"""Re-sealing: every stored value that an older data key seals, under its scope's active one.

It may run beside people and beside code of an earlier release: a value is replaced only while it is
the one that was read, both keys open, and nothing else of the row is touched. It may stop anywhere
and run again: what is under the active key already is left alone.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from chalicelib.encryption.errors import SealedValueError
from chalicelib.encryption.fields import SEALED_FIELDS
from chalicelib.encryption.models import DataKeyRecord, Place, SealedField
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.encryption.sealing import parse_key_id
from chalicelib.encryption.service import Vault
from chalicelib.primitives import Clock
from chalicelib.storage.rows import Rows, StoredRow

PAGE_SIZE = 500
_ATTEMPTS = 5  # On a row that others write at the same time.
_NOTED_FOR = timedelta(minutes=1)
Report = Callable[[str], object]


@dataclass
class Resealing:
    """How far re-sealing is.

    Attributes:
        looked_at: how many rows were read.
        resealed: how many values, by table and field.
        current: how many were under the active key already.
        gone: how many rows were removed before their turn came.
        waiting: values that cannot be opened yet: chunks of files whose upload is under way.
        busy: rows that others wrote each time.
        unreadable: values that do not open, as `table PK SK field`.
    """

    looked_at: int = 0
    resealed: Counter[tuple[str, str]] = field(default_factory=Counter)
    current: int = 0
    gone: int = 0
    waiting: int = 0
    busy: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many values or rows are not as they should be."""
        return self.waiting + self.busy + len(self.unreadable)


class Resealer:
    """Visits the stored fields of the registry, and of none else.

    Args:
        rows: the tables.
        vault: opens and seals.
        keys: tells each key's scope, and each scope's active key.
        clock: the time.
        dry_run: whether only to tell what would be done.
    """

    def __init__(
        self,
        rows: Rows,
        vault: Vault,
        keys: DataKeyRepository,
        clock: Clock,
        *,
        dry_run: bool = False,
    ) -> None:
        self._rows = rows
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._dry_run = dry_run
        self._records: dict[uuid.UUID, DataKeyRecord] = {}
        self._active: dict[str, uuid.UUID] = {}
        self._noted: dict[uuid.UUID, datetime] = {}

    def run(self, report: Report, page_size: int | None = PAGE_SIZE) -> Resealing:
        """Look at all tables once.

        Raises:
            StorageUnavailableError, EncryptionUnavailableError: AWS does not answer; what was done
                stays done.
        """
        self._records = {each.key_id: each for each in self._keys.list_all()}
        self._active = self._keys.list_active_ids()
        outcome = Resealing()
        for table, fields in stored_fields():
            for rows, looked_at in self._pages(table, fields, page_size):
                outcome.looked_at += looked_at
                for row in rows:
                    self._settle(table, fields, row, outcome)
                report(
                    f"{table}: {outcome.looked_at} rows looked at, "
                    f"{outcome.resealed.total()} values re-sealed, {outcome.left} left"
                )
        return outcome

    def _pages(
        self, table: str, fields: list[SealedField], page_size: int | None
    ) -> Iterator[tuple[list[StoredRow], int]]:
        return self._rows.pages(table, page_size, having=[each.name for each in fields])

    def _settle(
        self, table: str, fields: list[SealedField], row: StoredRow, outcome: Resealing
    ) -> None:
        """Re-seal what a row has; what others write meanwhile is looked at again."""
        for _ in range(_ATTEMPTS):
            seen = Resealing()  # Of this attempt.
            after = self._renew(table, fields, row, seen)
            before = {name: bytes(row[name]["B"]) for name in after}
            if not after or self._dry_run or self._rows.exchange(table, row, before, after):
                outcome.resealed.update((table, name) for name in after)
                outcome.current += seen.current
                outcome.waiting += seen.waiting
                outcome.unreadable += seen.unreadable
                return
            found = self._rows.find(table, row["PK"]["S"], row["SK"]["S"])
            if found is None:
                outcome.gone += 1
                return
            row = found
        outcome.busy += 1

    def _renew(
        self, table: str, fields: list[SealedField], row: StoredRow, seen: Resealing
    ) -> dict[str, bytes]:
        """The values that are to be replaced, by field."""
        renewed = {}
        for each in fields:
            sealed = bytes(row.get(each.name, {}).get("B", b""))
            if not sealed:
                continue
            try:
                value = self._reseal(each, row, sealed, seen)
            except SealedValueError:
                key = f"{row['PK']['S']} {row['SK']['S']}"
                seen.unreadable.append(f"{table} {key} {each.name}")
                continue
            if value is not None:
                renewed[each.name] = value
        return renewed

    def _reseal(
        self, each: SealedField, row: StoredRow, sealed: bytes, seen: Resealing
    ) -> bytes | None:
        """A value under the active key; None if it is to stay as it is."""
        key_id = parse_key_id(sealed)
        scope = self._scope_of(key_id)
        if self._active.get(scope) == key_id:
            seen.current += 1
            return None
        holder = each.holder
        whose = holder(row, partial(self._rows.find, each.table)) if holder else None
        if whose is None:
            seen.waiting += 1
            return None
        place = Place(each, *whose)
        renewed = self._vault.seal_bytes(self._vault.open_bytes(sealed, place), place, scope)
        self._note(key_id)
        return renewed

    def _scope_of(self, key_id: uuid.UUID) -> str:
        """A value stays in the scope of the key that seals it.

        Raises:
            SealedValueError: there is no such key.
        """
        record = self._records.get(key_id) or self._keys.find(key_id)
        if record is None:
            raise SealedValueError
        self._records[key_id] = record
        return record.scope

    def _note(self, key_id: uuid.UUID) -> None:
        """Note that values leave a key, before the first and then every minute; see `rotation`."""
        now, noted = self._clock(), self._noted.get(key_id)
        if not self._dry_run and (noted is None or now - noted >= _NOTED_FOR):
            self._keys.note_resealing(key_id, now)
            self._noted[key_id] = now


def stored_fields() -> Iterator[tuple[str, list[SealedField]]]:
    """The registry's stored fields, by table."""
    stored = sorted((each for each in SEALED_FIELDS if each.stored), key=lambda each: each.table)
    for table, fields in groupby(stored, key=lambda each: each.table):
        yield table, list(fields)
