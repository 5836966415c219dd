"""What is backed up comes back: in the same deployment or another, and no secret is in the file."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from chalicelib.encryption import DEPLOYMENT_SCOPE, Place
from chalicelib.encryption.fields import LOGIN_FLOW
from chalicelib.storage import StorageUnavailableError
from chalicelib.storage.rows import Rows, StoredRow
from infra.cloudformation import load_template
from infra.operator.backup_file import TABLES, read_header, read_rows
from infra.operator.restoring import TTL_ATTRIBUTES
from tests.support import aws
from tests.support.chat_models import KEY
from tests.support.deployment import ADMIN_TOKEN
from tests.support.operating import (
    empty_tables,
    everything,
    require_resumed,
    states,
    trail,
)
from tests.support.sealed import Office
from tests.support.tables import table_items

SENTINELS = ("sentinel-api-key", "sentinel-own", "sentinel-admin", KEY, ADMIN_TOKEN)
OTHER = "other"


def test_the_tables_are_those_of_the_template_and_so_are_their_ttls() -> None:
    resources = load_template("data.yaml")["Resources"].values()
    ttls = {}
    for each in resources:
        if each["Type"] == "AWS::DynamoDB::Table":
            table = each["Properties"]["TableName"]["Fn::Sub"].rpartition("-")[2]
            ttls[table] = each["Properties"].get("TimeToLiveSpecification", {}).get("AttributeName")
    assert ttls.keys() == set(TABLES)
    assert {k: v for k, v in ttls.items() if v} == {
        k: TTL_ATTRIBUTES[k] for k, v in ttls.items() if v
    }
    assert TABLES[-1] == "keys"


def test_everything_comes_back_as_it_was(office: Office, backup: Path) -> None:
    before = everything()
    empty_tables()
    ran = office.run("restore", str(backup))
    assert ran.code == 0, ran.err
    total = sum(map(len, before.values()))
    assert f"{total} rows restored, 0 were there already, 0 have expired" in ran.out
    assert everything() == before
    office.require_everything_opens()
    office.require_refreshing_works()


def test_the_file_is_its_owners_only_and_holds_no_secret(office: Office, backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [each.name for each in backup.parent.iterdir()] == [backup.name]
    text = backup.read_text()
    rows = repr(list(read_rows(backup)))
    tokens = office.world.authorization_server.tokens
    clients = office.world.authorization_server.clients.values()
    client_secrets = [each.secret for each in clients if each.secret]
    assert tokens
    assert client_secrets
    for secret in (*SENTINELS, *tokens, *client_secrets, office.mara.token, "login-access-token"):
        assert secret not in text
        assert secret not in rows


def test_the_header_says_what_it_is_of(office: Office, backup: Path) -> None:
    header = read_header(backup)
    assert (header.stage, header.created_at) == (aws.STAGE, office.deployment.clock().isoformat())
    assert header.kms_key.startswith("arn:aws:kms:")
    shown = office.run("restore", str(backup), "--dry-run", "--into-nonempty", "--json").json
    assert shown["stage"] == aws.STAGE
    assert shown["rows"] == sum(map(len, everything().values()))


def test_a_file_that_is_there_is_not_overwritten(office: Office, backup: Path) -> None:
    before = backup.read_bytes()
    ran = office.run("backup", str(backup))
    assert (ran.code, "backup_exists" in ran.err) == (1, True)
    assert backup.read_bytes() == before


def test_a_backup_that_fails_leaves_no_file(office: Office, tmp_path: Path) -> None:
    aws.lose_table("audit")
    ran = office.run("backup", str(tmp_path / "backup.jsonl"))
    assert (ran.code, "storage_unavailable" in ran.err) == (1, True)
    assert not list(tmp_path.iterdir())


def cut(lines: list[str]) -> list[str]:
    return lines[:-1]


def cut_within(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1][:10]]


def leave_one_out(lines: list[str]) -> list[str]:
    return [lines[0], *lines[2:]]


def alter(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace("a", "b", 1), *lines[2:]]


def no_header(lines: list[str]) -> list[str]:
    return lines[1:]


def of_the_future(lines: list[str]) -> list[str]:
    return [lines[0].replace('"ciborium_backup":1', '"ciborium_backup":2'), *lines[1:]]


@pytest.mark.parametrize("spoil", [cut, cut_within, leave_one_out, alter, no_header, of_the_future])
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_written(
    office: Office, backup: Path, spoil: Any
) -> None:
    lines = backup.read_text().splitlines(keepends=True)
    backup.write_text("".join(spoil(lines)))
    empty_tables()
    ran = office.run("restore", str(backup))
    assert (ran.code, "backup_unusable" in ran.err) == (1, True)
    assert not any(everything().values())
    assert not trail()


def test_tables_with_rows_are_left_alone(office: Office, backup: Path) -> None:
    before = everything()
    ran = office.run("restore", str(backup))
    assert ran.code == 1
    assert "These tables have rows: identity, organizations, servers" in ran.err
    assert everything() == before
    assert not trail()


def test_what_is_missing_is_added_and_what_is_there_stays(office: Office, backup: Path) -> None:
    dynamodb = aws.client("dynamodb")
    (row,) = [each for each in table_items("models") if "api_key" in each]
    changed = {**row, "display_name": {"S": "Changed since"}}
    dynamodb.put_item(TableName=f"ciborium-{aws.STAGE}-models", Item=changed)
    for each in table_items("connections"):
        key = {name: each[name] for name in ("PK", "SK")}
        dynamodb.delete_item(TableName=f"ciborium-{aws.STAGE}-connections", Key=key)
    ran = office.run("restore", str(backup), "--into-nonempty", "--json")
    assert ran.code == 0, ran.err
    assert {table: count for table, count in ran.json["added"].items() if count} == {
        "connections": 2
    }
    assert changed in table_items("models")
    office.require_everything_opens()


@pytest.mark.parametrize("calls", [5, 12, 30])
def test_an_interrupted_restoration_goes_on(office: Office, backup: Path, calls: int) -> None:
    before = everything()
    empty_tables()
    with pytest.MonkeyPatch.context() as patch:
        refuse_after(patch, calls)
        stopped = office.run("restore", str(backup))
    assert (stopped.code, "storage_unavailable" in stopped.err) == (1, True)
    assert states() == ["begun"]
    office.deployment.clock.advance(seconds=1)
    ran = office.run("restore", str(backup))
    assert ran.code == 0, ran.err
    assert everything() == before
    require_resumed(before, there=calls)
    again = office.run("restore", str(backup))
    assert "tables_not_empty" in again.err  # It is finished: a later run is another matter.


def refuse_after(patch: pytest.MonkeyPatch, calls: int) -> None:
    """Let the program's connection to DynamoDB answer so many more writes."""
    left = [calls]
    add = Rows.add

    def refuse(rows: Rows, table: str, row: StoredRow) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise StorageUnavailableError("refused by a test")
        return add(rows, table, row)

    patch.setattr(Rows, "add", refuse)


def test_another_stage_with_another_kms_key_takes_it_over(office: Office, backup: Path) -> None:
    aws.create_stack(OTHER)
    ran = office.run("restore", str(backup), "--json", stage=OTHER)
    assert ran.code == 0, ran.err
    assert ran.json["rewrapped"] == 2
    office.require_everything_opens(office.another_container(CIBORIUM_STAGE=OTHER))
    # The former deployment's key is no longer needed, nor is the deployment.
    aws.lose_kms_key(read_header(backup).kms_key)
    office.require_everything_opens(office.another_container(CIBORIUM_STAGE=OTHER))
    found = {each["kms_key"] for each in office.run("keys", "list", "--json", stage=OTHER).json}
    assert len(found) == 1
    assert found != {read_header(backup).kms_key}


def test_what_a_destroyed_stack_has_left_is_taken_over_by_another_stage(
    office: Office, tmp_path: Path
) -> None:
    """Its tables and its KMS key, but not the key's alias."""
    aws.client("kms").delete_alias(AliasName=f"alias/ciborium-{aws.STAGE}")
    file = tmp_path / "left.jsonl"
    ran = office.run("backup", str(file))
    assert ran.code == 0, ran.err
    assert read_header(file).kms_key == ""
    aws.create_stack(OTHER)
    ran = office.run("restore", str(file), "--json", stage=OTHER)
    assert ran.json["rewrapped"] == 2
    office.require_everything_opens(office.another_container(CIBORIUM_STAGE=OTHER))


def test_a_deployment_that_has_sealed_something_already_keeps_its_own_key(
    office: Office, backup: Path
) -> None:
    """Whoever opened its sign-in page has made it a data key."""
    aws.create_stack(OTHER)
    fresh = office.another_container(CIBORIUM_STAGE=OTHER)
    vault = fresh.services._vault
    vault.seal("flow", Place(LOGIN_FLOW, "oidc"), DEPLOYMENT_SCOPE)
    empty_stage(OTHER, but="keys")
    assert office.run("restore", str(backup), stage=OTHER).code == 0
    keys = office.run("keys", "list", "--json", stage=OTHER).json
    deployment = [each["status"] for each in keys if each["scope"] == "deployment"]
    assert sorted(deployment) == ["active", "decrypt-only"]
    office.require_everything_opens(office.another_container(CIBORIUM_STAGE=OTHER))
    assert office.run("keys", "reseal", stage=OTHER).code == 0
    office.require_everything_opens(office.another_container(CIBORIUM_STAGE=OTHER))


def empty_stage(stage: str, but: str) -> None:
    dynamodb = aws.client("dynamodb")
    for table in set(TABLES) - {but}:
        name = f"ciborium-{stage}-{table}"
        for row in dynamodb.scan(TableName=name)["Items"]:
            key = {each: row[each] for each in ("PK", "SK")}
            dynamodb.delete_item(TableName=name, Key=key)


def test_copies_of_tables_are_backed_up_with_the_keys_of_their_stage(
    office: Office, tmp_path: Path
) -> None:
    """What point-in-time recovery gives: tables by other names, with keys wrapped for the stage."""
    aws.create_stack("copy")
    aws.client("kms").delete_alias(AliasName="alias/ciborium-copy")  # No stack made the copies.
    dynamodb = aws.client("dynamodb")
    before = everything()
    del before["audit"]  # Of the copy, which the backup adds an event to.
    for table in TABLES:
        for row in table_items(table):
            dynamodb.put_item(TableName=f"ciborium-copy-{table}", Item=row)
    empty_tables()
    file = tmp_path / "copy.jsonl"
    assert office.run("backup", str(file), "--keys-of", aws.STAGE, stage="copy").code == 0
    ran = office.run("restore", str(file), "--json")
    assert ran.code == 0, ran.err
    assert ran.json["rewrapped"] == 0
    assert {k: v for k, v in everything().items() if k not in {"keys", "audit"}} == {
        k: v for k, v in before.items() if k != "keys"
    }
    office.require_everything_opens()


def test_owners_see_that_somebody_has_taken_everything_away(office: Office, backup: Path) -> None:
    with office.deployment.admin as admin:
        [event] = admin.get("/api/v2/audit?object_type=backup").json()["events"]
    assert (event["actor_username"], event["action"]) == ("operator", "create")
    assert event["object_id"] == read_header(backup).id


def test_what_has_expired_is_not_restored(office: Office, backup: Path) -> None:
    office.deployment.clock.advance(days=2)
    empty_tables()
    ran = office.run("restore", str(backup), "--json")
    assert ran.json["expired"] > 0
    assert not table_items("idempotency")
    assert table_items("connections")


def test_every_kind_of_value_survives(office: Office, tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "PK": {"S": "ODD#1"},
        "SK": {"S": "all \u2028 kinds \"'"},
        "binary": {"B": bytes(range(256))},
        "number": {"N": "3.14159265358979323846264338327950288419"},
        "nothing": {"NULL": True},
        "truth": {"BOOL": False},
        "list": {"L": [{"B": b"\x00\xff"}, {"M": {"deep": {"B": b"\x01"}}}, {"S": ""}]},
        "sets": {"M": {"b": {"BS": [b"\x02", b"\x03"]}, "s": {"SS": ["a", "b"]}}},
    }
    dynamodb, table = aws.client("dynamodb"), f"ciborium-{aws.STAGE}-servers"
    dynamodb.put_item(TableName=table, Item=row)
    key = {name: row[name] for name in ("PK", "SK")}
    before = dynamodb.get_item(TableName=table, Key=key)["Item"]
    file = tmp_path / "odd.jsonl"
    assert office.run("backup", str(file)).code == 0
    dynamodb.delete_item(TableName=table, Key=key)
    assert office.run("restore", str(file), "--into-nonempty").code == 0
    assert dynamodb.get_item(TableName=table, Key=key)["Item"] == before
    assert json.loads(file.read_text().splitlines()[0])["ciborium_backup"] == 1
