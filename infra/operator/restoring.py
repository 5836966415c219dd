"""Putting a backup into the tables of a deployment: its own ones, or another's."""

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from chalicelib.encryption.models import DataKeyRecord
from chalicelib.encryption.rotation import KeyRotation
from chalicelib.errors import ConflictError
from chalicelib.primitives import Clock
from chalicelib.storage import time_key
from chalicelib.storage.rows import Rows, StoredRow
from infra.operator.backup_file import TABLES, Header, read_rows
from infra.operator.context import Report
from infra.operator.trail import Trail

TTL_ATTRIBUTES = dict.fromkeys(TABLES, "expires_at") | {"connections": "ttl"}
_AT_ONCE = 8
_BATCH = 400


class TablesNotEmptyError(ConflictError):
    """A backup is restored into empty tables unless the operator says otherwise."""

    code = "tables_not_empty"

    def __init__(self, tables: list[str]) -> None:
        super().__init__(
            f"These tables have rows: {', '.join(tables)}. With --into-nonempty, rows that are "
            "there stay, and only what is missing is added."
        )


@dataclass
class Restoration:
    """How far it is.

    Attributes:
        added: rows that were put there, by table.
        there: rows whose key was there already.
        expired: rows that DynamoDB would have forgotten by now.
        rewrapped: data keys that were wrapped anew for this deployment.
    """

    added: Counter[str] = field(default_factory=Counter)
    there: int = 0
    expired: int = 0
    rewrapped: int = 0

    def to_document(self) -> dict[str, Any]:
        """The numbers, for programs and for the audit log."""
        return {
            "added": dict(self.added),
            "there": self.there,
            "expired": self.expired,
            "rewrapped": self.rewrapped,
        }


class Restorer:
    """Adds a backup's rows; overwrites nothing, so it may stop anywhere and run again.

    Args:
        path: a backup that is known to be whole.
        header: its header.
        stage: the deployment's own.
        rows: its tables.
        rotation: wraps data keys for it.
        clock: the time.
        trail: records it.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        *,
        stage: str,
        rows: Rows,
        rotation: KeyRotation,
        clock: Clock,
        trail: Trail,
    ) -> None:
        self._path = path
        self._header = header
        self._stage = stage
        self._rows = rows
        self._rotation = rotation
        self._clock = clock
        self._trail = trail

    def require_room(self) -> None:
        """See that the tables are empty, or that this very backup is half-way in.

        The keys table need not be: whoever looked at the deployment has made it a first data key.

        Raises:
            TablesNotEmptyError: there is something else.
        """
        if self._trail.is_begun():
            return
        filled = [each for each in TABLES if each != "keys" and not self._rows.is_empty(each)]
        if filled:
            raise TablesNotEmptyError(filled)

    def run(self, report: Report) -> Restoration:
        """Add what is missing: data keys first, since without them the rest is no use.

        Raises:
            EncryptionUnavailableError: a data key could not be wrapped for this deployment; no
                row was added but those of other data keys.
            RestorationBusyError: another run of the same backup has begun or ended meanwhile.
            StorageUnavailableError: DynamoDB does not answer; what was added stays.
        """
        outcome = Restoration()
        self._trail.begin()
        for row in self._key_rows():
            self._add_key(row, outcome)
        report(f"keys: {outcome.added['keys']} added, {outcome.rewrapped} wrapped anew")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            others = self._other_rows(outcome)
            while batch := list(islice(others, _BATCH)):
                for (table, _), added in zip(batch, pool.map(self._add, batch), strict=True):
                    outcome.added[table] += added
                    outcome.there += not added
                report(f"{batch[-1][0]}: {outcome.added.total()} rows added in all")
        self._trail.end(outcome.to_document())
        return outcome

    def _other_rows(self, outcome: Restoration) -> Iterator[tuple[str, StoredRow]]:
        now = self._clock()
        for table, row in read_rows(self._path):
            if table == "keys":
                continue
            if _is_expired(table, row, now):
                outcome.expired += 1
                continue
            yield table, row

    def _add(self, row: tuple[str, StoredRow]) -> bool:
        return self._rows.add(*row)

    def _key_rows(self) -> list[StoredRow]:
        """Records before the pointers to them."""
        found = [row for table, row in read_rows(self._path) if table == "keys"]
        return sorted(found, key=lambda row: row["SK"]["S"] != "record")

    def _add_key(self, row: StoredRow, outcome: Restoration) -> None:
        if row["SK"]["S"] == "record":
            row = self._adapt(row, outcome)
        added = self._rows.add("keys", row)
        outcome.added["keys"] += added
        outcome.there += not added

    def _adapt(self, row: StoredRow, outcome: Restoration) -> StoredRow:
        """A data key's record as this deployment can use it."""
        own = self._rows.find("keys", f"SCOPE#{row['scope']['S']}", "active")
        if own and f"KEY#{own['key_id']['S']}" != row["PK"]["S"] and _is_active(row):
            row = {
                **row,
                "status": {"S": "decrypt-only"},
                "retired_at": {"S": time_key(self._clock())},
            }
        is_there = self._rows.find("keys", row["PK"]["S"], "record")
        if is_there or "wrapped" not in row or not self._is_foreign():
            return row
        record = DataKeyRecord(
            uuid.UUID(row["PK"]["S"].removeprefix("KEY#")),
            row["scope"]["S"],
            row["wrapped"]["B"],
            self._clock(),
            kms_key=row.get("kms_key", {}).get("S", ""),
        )
        wrapped = self._rotation.rewrap_foreign(record, self._header.stage)
        outcome.rewrapped += 1
        return {**row, "wrapped": {"B": wrapped.ciphertext}, "kms_key": {"S": wrapped.kms_key}}

    def _is_foreign(self) -> bool:
        own = self._rotation.get_kms_key_arn("")
        return (self._header.stage, self._header.kms_key) != (self._stage, own)


def _is_active(row: StoredRow) -> bool:
    return bool(row["status"]["S"] == "active")


def _is_expired(table: str, row: StoredRow, now: datetime) -> bool:
    """Whether DynamoDB may remove it; another kind of attribute by that name is no TTL."""
    until = row.get(TTL_ATTRIBUTES[table], {}).get("N")
    return until is not None and float(until) <= now.timestamp()
