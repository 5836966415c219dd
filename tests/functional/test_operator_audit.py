"""What the operator changes is in the audit log together with the change, or is not done."""

import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.operator.backup_file import TABLES, read_header, read_rows
from tests.support import aws
from tests.support.faults import (
    ERROR_500,
    FOR_GOOD,
    LOST_ANSWER,
    Wire,
    meanwhile,
    only,
)
from tests.support.operating import (
    GRACE,
    at_once,
    empty_tables,
    everything,
    keys_of,
    new_kms_key,
    recorded,
    require_resumed,
    rotated,
    states,
    trail,
)
from tests.support.sealed import Office, operations_of
from tests.support.tables import everything_but, table_items

OTHER = "other"


def to_rotate(office: Office) -> list[str]:
    return ["keys", "rotate", "--all"]


def to_move(office: Office) -> list[str]:
    return ["keys", "move", "--to", new_kms_key()]


def to_revoke(office: Office) -> list[str]:
    former = rotated(office)[0]["id"]
    assert office.run("keys", "reseal").code == 0
    office.deployment.clock.advance(**GRACE)
    return ["keys", "revoke", former]


def to_destroy(office: Office) -> list[str]:
    scope = f"organization:{office.organization_id}"
    return ["keys", "destroy", scope, "--confirm", scope]


CHANGES = (to_rotate, to_move, to_revoke, to_destroy)


@pytest.mark.parametrize("prepare", CHANGES)
def test_what_cannot_be_recorded_is_not_done(
    office: Office, prepare: Callable[[Office], list[str]]
) -> None:
    command = prepare(office)
    before = table_items("keys")
    aws.lose_table("audit")
    ran = office.run(*command)
    assert (ran.code, "storage_unavailable" in ran.err) == (1, True)
    assert table_items("keys") == before


@pytest.mark.parametrize("prepare", CHANGES)
def test_what_is_not_done_is_not_recorded(
    office: Office, wire: Wire, prepare: Callable[[Office], list[str]]
) -> None:
    command = prepare(office)
    before = table_items("keys"), table_items("audit")
    with wire.armed(only(ERROR_500, "TransactWriteItems"), FOR_GOOD):
        ran = office.run(*command)
    assert (ran.code, "storage_unavailable" in ran.err) == (1, True)
    assert (table_items("keys"), table_items("audit")) == before


@pytest.mark.parametrize(("prepare", "changes"), [(to_rotate, 2), (to_move, 2), (to_revoke, 1)])
def test_a_change_and_its_event_are_one_call_and_happen_once_though_its_answer_is_lost(
    office: Office, wire: Wire, prepare: Callable[[Office], list[str]], changes: int
) -> None:
    command = prepare(office)
    before = len(recorded())
    with wire.armed(only(LOST_ANSWER, "TransactWriteItems", range(1)), FOR_GOOD):
        ran = office.run(*command)
    assert ran.code == 0, ran.err
    assert len(recorded()) - before == changes
    reads = {"dynamodb.Scan", "dynamodb.GetItem"}
    sent = [each for each in wire.attempts if each.startswith("dynamodb.") and each not in reads]
    assert sent == ["dynamodb.TransactWriteItems"] * (changes + 1)
    office.require_everything_opens()


def test_of_two_moves_at_once_only_the_one_that_moved_a_key_is_recorded(
    office: Office, wire: Wire
) -> None:
    command, other = to_move(office), to_move(office)
    ran, also = at_once(office, wire, command, lambda: office.run(*other))
    assert (ran.code, "2 changed meanwhile" in ran.out) == (1, True)
    assert also.code == 0
    told = [each["diff"]["kms_key"]["new"] for each in recorded()]
    assert told == [other[-1], other[-1]]


def test_a_revocation_that_re_sealing_forestalls_is_not_recorded(
    office: Office, wire: Wire
) -> None:
    command = to_revoke(office)
    former, before = command[-1], recorded()

    def note() -> None:
        now = office.deployment.clock()
        operations_of(office.another_container())._data_keys.note_resealing(uuid.UUID(former), now)

    ran, _ = at_once(office, wire, command, note)
    assert (ran.code, "data_key_changed" in ran.err) == (1, True)
    assert recorded() == before
    assert {each["id"]: each["status"] for each in keys_of(office)}[former] == "decrypt-only"


def test_the_event_of_a_change_says_what_was_and_what_is(office: Office) -> None:
    before, revoking, moving = keys_of(office)[0]["kms_key"], to_revoke(office), to_move(office)
    made = len(recorded())
    for command in (revoking, moving):
        office.deployment.clock.advance(seconds=1)
        assert office.run(*command).code == 0
    revoked, *moved = recorded()[made:]
    assert (revoked["action"], revoked["object_id"]) == ("update", revoking[-1])
    assert set(revoked["diff"]) == {"status"}
    assert [revoked["diff"]["status"][each] for each in ("old", "new")] == [
        "decrypt-only",
        "revoked",
    ]
    assert {each["object_id"] for each in moved} == {each["id"] for each in keys_of(office)}
    for each in moved:
        assert set(each["diff"]) == {"kms_key"}
        assert [each["diff"]["kms_key"][side] for side in ("old", "new")] == [before, moving[-1]]


def test_a_restoration_that_cannot_be_recorded_is_not_begun(office: Office, backup: Path) -> None:
    for row in table_items("connections"):
        key = {name: row[name] for name in ("PK", "SK")}
        aws.client("dynamodb").delete_item(TableName=f"ciborium-{aws.STAGE}-connections", Key=key)
    before = everything_but("audit")
    aws.lose_table("audit")
    ran = office.run("restore", str(backup), "--into-nonempty")
    assert (ran.code, "storage_unavailable" in ran.err) == (1, True)
    assert everything_but("audit") == before


def test_a_restoration_that_does_not_begin_leaves_the_tables_empty(
    office: Office, backup: Path, wire: Wire
) -> None:
    empty_tables()
    with wire.armed(only(ERROR_500, "TransactWriteItems"), FOR_GOOD):
        ran = office.run("restore", str(backup))
    assert (ran.code, "storage_unavailable" in ran.err) == (1, True)
    assert not any(everything_but().values())
    assert office.run("restore", str(backup)).code == 0  # As if it were the first time.


def test_what_cannot_be_called_done_is_run_again(office: Office, backup: Path, wire: Wire) -> None:
    before = everything()
    empty_tables()
    with wire.armed(only(ERROR_500, "TransactWriteItems", FOR_GOOD[1:]), FOR_GOOD):
        ran = office.run("restore", str(backup))
    assert (ran.code, "storage_unavailable" in ran.err) == (1, True)
    assert states() == ["begun"]
    office.deployment.clock.advance(seconds=1)
    assert office.run("restore", str(backup)).code == 0
    assert everything() == before
    require_resumed(before, there=sum(map(len, before.values())))


def test_a_restoration_is_recorded_by_two_calls_and_once_though_their_answers_are_lost(
    office: Office, backup: Path, wire: Wire
) -> None:
    before = everything()
    empty_tables()
    every_first = only(LOST_ANSWER, "TransactWriteItems", range(0, 4, 2))
    with wire.armed(every_first, FOR_GOOD):
        ran = office.run("restore", str(backup))
    sent = Counter(wire.attempts)
    assert ran.code == 0, ran.err
    assert everything() == before
    assert sorted(states()) == ["begun", "done"]
    rows = sum(map(len, before.values()))
    assert sent == {
        "dynamodb.GetItem": 2 + 2 * 2,  # Whether it is begun, asked twice; and two data keys.
        "dynamodb.Scan": len(TABLES) - 1,  # Whether they are empty.
        "dynamodb.TransactWriteItems": 2 * 2,
        "dynamodb.PutItem": rows,
        "kms.DescribeKey": 2,
    }


def test_a_run_that_another_has_overtaken_says_so_and_records_nothing(
    office: Office, backup: Path, wire: Wire
) -> None:
    before = everything()
    empty_tables()
    others = []
    act = meanwhile(lambda: others.append(office.run("restore", str(backup))))
    with wire.armed(only(act, "TransactWriteItems", range(1, 2)), FOR_GOOD):
        ran = office.run("restore", str(backup))
    assert [each.code for each in others] == [0]
    assert (ran.code, "restoration_busy" in ran.err) == (1, True)
    assert sorted(states()) == ["begun", "done", "resumed"]
    assert everything() == before


def test_owners_see_what_was_restored_and_from_where(office: Office, backup: Path) -> None:
    aws.create_stack(OTHER)
    office.deployment.clock.advance(minutes=1)
    assert office.run("restore", str(backup), stage=OTHER).code == 0
    header, rows = read_header(backup), sum(1 for _ in read_rows(backup))
    with office.another_container(CIBORIUM_STAGE=OTHER).admin as admin:
        path = "/api/v2/audit?object_type=backup&action=restore"
        events = admin.get(path).json()["events"]
        # Those of the backup's own stage are there as well.
        assert admin.get("/api/v2/audit?object_type=backup&action=create").json()["events"]
    assert {(each["actor_username"], each["object_id"]) for each in events} == {
        ("operator", header.id)
    }
    begun, done = sorted(trail(OTHER), key=len)
    source = {"stage": aws.STAGE, "created_at": header.created_at, "rows": rows}
    assert begun == {"state": "begun", **source}
    added = done.pop("added")
    assert done == {"state": "done", **source, "there": 0, "expired": 0, "rewrapped": 2}
    assert added.keys() <= set(TABLES)
    assert sum(added.values()) == rows
