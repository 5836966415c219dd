"""The file of a backup: JSON Lines, with a header before the rows and a checksum after them.

    {"ciborium_backup": 1, "id": …, "release": …, "stage": …, "created_at": …, "kms_key": …}
    {"table": "servers", "row": {"PK": {"S": …}, …}}
    {"rows": 42, "sha256": …}

Rows are as DynamoDB has them, binary values in base64: secrets stay sealed, data keys wrapped. The
checksum is over all lines before it, so a file that was cut or altered is refused as a whole.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from chalicelib.errors import ConflictError, InvalidInputError
from chalicelib.storage.rows import StoredRow

_FORMAT = 1
TABLES = (
    *("identity", "organizations", "servers", "connections", "chats", "models", "idempotency"),
    "audit",
    "keys",  # The last one: whatever key a row names is in the file then.
)
"""All tables, in the order in which they are backed up."""


class BackupExistsError(ConflictError):
    """A backup never overwrites a file."""

    code = "backup_exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already. Choose another name, or remove it.")


class BackupUnusableError(InvalidInputError):
    """The file is no backup, or not a whole one, or of a release that we do not know."""

    code = "backup_unusable"


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup is of.

    Attributes:
        id: of this backup, so that a restoration can be resumed.
        release: which one wrote it.
        stage: the one that its data keys are wrapped for.
        created_at: when it was begun.
        kms_key: the ARN of the KMS key that the stage had then; empty if its stack was gone.
    """

    id: str
    release: str
    stage: str
    created_at: str
    kms_key: str


class BackupWriter:
    """Writes the lines of one backup."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.rows = 0
        self._write({"ciborium_backup": _FORMAT, **_to_dict(header)})

    def add(self, table: str, row: StoredRow) -> None:
        """Write one row."""
        self._write({"table": table, "row": _convert(row, _to_base64)})
        self.rows += 1

    def finish(self) -> None:
        """Write what tells that the file is whole."""
        self._write({"rows": self.rows, "sha256": self._digest.hexdigest()})

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        self._digest.update(line)
        self._file.write(line)


@contextmanager
def writing(path: Path, header: Header) -> Iterator[BackupWriter]:
    """A backup to be written; the file has its name only once it is whole, and is its owner's only.

    Raises:
        BackupExistsError: there is such a file.
    """
    if path.exists():
        raise BackupExistsError(path)
    partial = path.with_name(path.name + ".partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # One that was left there may have had other rights.
            writer = BackupWriter(file, header)
            yield writer
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # Unlike a renaming, it overwrites nothing.
    except FileExistsError as exc:
        raise BackupExistsError(path) from exc
    finally:
        partial.unlink(missing_ok=True)


def read_header(path: Path) -> Header:
    """What a backup is of, after seeing that it is whole.

    Raises:
        BackupUnusableError: it is not, or no backup at all.
    """
    digest, rows, last = hashlib.sha256(), -1, b""
    try:
        with path.open("rb") as file:
            first = file.readline()
            header = _parse_header(_parse(first))
            last = first
            for line in file:
                digest.update(last)
                rows, last = rows + 1, line
    except OSError as exc:
        raise BackupUnusableError(f"{path} cannot be read: {exc.strerror}.") from exc
    if _parse(last) != {"rows": rows, "sha256": digest.hexdigest()}:
        raise BackupUnusableError(f"{path} is not whole: its end is missing or it was altered.")
    return header


def read_rows(path: Path) -> Iterator[tuple[str, StoredRow]]:
    """The rows of a backup that is known to be whole, and of which table each is.

    Raises:
        BackupUnusableError: it names a table that this release does not know.
    """
    with path.open("rb") as file:
        for line in file:
            document = _parse(line)
            if "row" not in document:
                continue
            if document["table"] not in TABLES:
                raise BackupUnusableError(f"There is no table {document['table']}.")
            yield document["table"], _convert(document["row"], _from_base64)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError as exc:
        raise BackupUnusableError("The file is no backup, or not a whole one.") from exc
    return document if isinstance(document, dict) else {}


def _parse_header(document: dict[str, Any]) -> Header:
    found = document.pop("ciborium_backup", None)
    if found is None:
        raise BackupUnusableError("The file is no backup of Ciborium.")
    if found != _FORMAT:
        raise BackupUnusableError(f"The backup's format is {found}; this release reads {_FORMAT}.")
    try:
        return Header(**document)
    except TypeError as exc:
        raise BackupUnusableError("The backup's header is incomplete.") from exc


def _to_dict(header: Header) -> dict[str, str]:
    return {name: getattr(header, name) for name in Header.__slots__}


def _convert(row: Any, binary: Callable[[Any], Any]) -> Any:
    """A row with its binary values, at any depth, put otherwise."""
    return {name: _convert_value(value, binary) for name, value in row.items()}


def _convert_value(value: dict[str, Any], binary: Callable[[Any], Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "B":
        return {kind: binary(content)}
    if kind == "BS":
        return {kind: [binary(each) for each in content]}
    if kind == "M":
        return {kind: _convert(content, binary)}
    if kind == "L":
        return {kind: [_convert_value(each, binary) for each in content]}
    return value


def _to_base64(content: Any) -> str:
    return base64.b64encode(bytes(content)).decode()


def _from_base64(content: str) -> bytes:
    return base64.b64decode(content)
