"""What an operator does to an office, and what is seen of it in the tables and the audit log."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.storage.rows import StoredRow
from infra.operator.backup_file import TABLES
from tests.support import aws
from tests.support.cli import Ran
from tests.support.faults import FOR_GOOD, Wire, meanwhile, only
from tests.support.sealed import Office
from tests.support.tables import table_items

GRACE: dict[str, Any] = {"minutes": 16}
"""After that long, a key that was rotated out and seals nothing may be revoked."""


def keys_of(office: Office) -> list[dict[str, Any]]:
    ran = office.run("keys", "list", "--json")
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = ran.json
    return found


def rotated(office: Office) -> list[dict[str, Any]]:
    """Rotate all scopes; what the former keys were."""
    former = keys_of(office)
    ran = office.run("keys", "rotate", "--all")
    assert ran.code == 0, ran.err
    return former


def new_kms_key() -> str:
    kms = aws.client("kms")
    return str(kms.create_key(Description="another")["KeyMetadata"]["Arn"])


def at_once(
    office: Office, wire: Wire, command: list[str], act: Callable[[], Any]
) -> tuple[Ran, Any]:
    """Run a command; `act` happens right before its first transaction."""
    acted: list[Any] = []
    before = only(meanwhile(lambda: acted.append(act())), "TransactWriteItems", range(1))
    with wire.armed(before, FOR_GOOD):
        ran = office.run(*command)
    return ran, acted[0]


def recorded() -> list[dict[str, Any]]:
    """The audit events about data keys, in their order."""
    rows = sorted(table_items("audit"), key=lambda row: row["SK"]["S"])
    events = [{name: value.get("S") for name, value in row.items()} for row in rows]
    return [
        {**each, "diff": json.loads(each["diff"] or "{}")}
        for each in events
        if each["object_type"] == "data_key"
    ]


def everything(stage: str = aws.STAGE) -> dict[str, list[str]]:
    """All rows of a stage but the events of restorations, in an order of their own."""
    found = {}
    for table in TABLES:
        name = f"ciborium-{stage}-{table}"
        rows = aws.client("dynamodb").scan(TableName=name)["Items"]
        kept = [row for row in rows if not is_trail(row)]
        found[table] = sorted(str(sorted(row.items())) for row in kept)
    return found


def empty_tables() -> None:
    dynamodb = aws.client("dynamodb")
    for table in TABLES:
        for row in table_items(table):
            key = {name: row[name] for name in ("PK", "SK")}
            dynamodb.delete_item(TableName=f"ciborium-{aws.STAGE}-{table}", Key=key)


def is_trail(row: StoredRow) -> bool:
    return row.get("action") == {"S": "restore"}


def trail(stage: str = aws.STAGE) -> list[dict[str, Any]]:
    """What the events of restorations say, in their order."""
    rows = aws.client("dynamodb").scan(TableName=f"ciborium-{stage}-audit")["Items"]
    found = sorted(filter(is_trail, rows), key=lambda row: row["SK"]["S"])
    return [
        {name: change["new"] for name, change in json.loads(row["diff"]["S"]).items()}
        for row in found
    ]


def states(stage: str = aws.STAGE) -> list[str]:
    return [each["state"] for each in trail(stage)]


def require_resumed(restored: dict[str, list[str]], *, there: int) -> None:
    """See that the log tells of a run that stopped and one that did the rest."""
    begun, *later = trail()
    assert begun["state"] == "begun"
    assert sorted(each["state"] for each in later) == ["done", "resumed"]
    rows = sum(map(len, restored.values()))
    assert {each["rows"] for each in (begun, *later)} == {rows}
    (done,) = [each for each in later if each["state"] == "done"]
    assert (sum(done["added"].values()), done["there"]) == (rows - there, there)
