"""Data keys are rotated, re-sealed, moved, revoked and destroyed, and no secret is lost by it."""

import json
import uuid
from typing import Any

import pytest

from chalicelib.encryption import EncryptionUnavailableError, Place, SealedValueError
from chalicelib.encryption.fields import CONNECTION_ACCESS_TOKEN
from chalicelib.storage import StorageUnavailableError
from tests.support import aws
from tests.support.deployment import error_of
from tests.support.faults import Wire
from tests.support.operating import (
    GRACE,
    at_once,
    keys_of,
    new_kms_key,
    recorded,
    rotated,
)
from tests.support.sealed import STORED, Office, key_ids_in, operations_of, sealed_values
from tests.support.servers import SERVERS
from tests.support.tables import table_items

DEPLOYMENT = "deployment"


def active_of(office: Office, scope: str) -> str:
    (active,) = [
        each["id"]
        for each in keys_of(office)
        if (each["scope"], each["status"]) == (scope, "active")
    ]
    return str(active)


def test_every_registered_field_is_sealed_in_the_office_and_no_other_is(office: Office) -> None:
    """What the other tests rely on: if a new field is not filled there, they would not see it."""
    assert sealed_values().keys() == STORED


def test_the_list_tells_of_each_key_what_it_seals_and_where(office: Office) -> None:
    found = {each["scope"]: each for each in keys_of(office)}
    organization = f"organization:{office.organization_id}"
    assert found.keys() == {DEPLOYMENT, organization}
    assert found[organization]["values"] == {
        "chats.chunk": 1,
        "connections.access_token": 1,
        "connections.refresh_token": 1,
        "connections.user_headers": 1,
    }
    assert found[DEPLOYMENT]["status"] == "active"
    assert found[DEPLOYMENT]["kms_key"].startswith("arn:aws:kms:")
    assert found[DEPLOYMENT]["values"]["models.api_key"] == 1
    shown = office.run("keys", "list").out
    assert f"{organization}  {found[organization]['id']}  active  0 days  arn:aws:kms:" in shown
    assert "4 values: 1 in chats.chunk, 1 in connections.access_token" in shown
    assert "values" not in office.run("keys", "list", "--no-values").out


def test_a_rotated_scope_seals_with_the_new_key_and_opens_with_the_old(office: Office) -> None:
    former = {each["scope"]: each["id"] for each in rotated(office)}
    now = {(each["id"], each["status"]) for each in keys_of(office)}
    assert {(each, "decrypt-only") for each in former.values()} <= now
    assert len(now) == 2 * len(former)
    office.require_everything_opens()
    entered = office.another_container()
    with entered.client(office.mara.token) as mara:
        body = {"values": {"X-Own": "another"}}
        mara.put(f"{office.paths['headers']}/user-headers", json=body).raise_for_status()
    (sealed,) = sealed_values()["connections", "user_headers"]
    active = active_of(office, f"organization:{office.organization_id}")
    assert sealed[2:18] == uuid.UUID(active).bytes


def test_re_sealing_leaves_nothing_under_a_former_key_and_everything_opens(office: Office) -> None:
    former = {uuid.UUID(each["id"]).bytes for each in rotated(office)}
    before = sealed_values()
    assert key_ids_in(before) == former
    ran = office.run("keys", "reseal", "--page-size", "2")
    assert ran.code == 0, ran.err
    after = sealed_values()
    assert not key_ids_in(after) & former
    assert {name: len(each) for name, each in after.items()} == {
        name: len(each) for name, each in before.items()
    }
    total = sum(map(len, after.values()))
    assert f"{total} values re-sealed, 0 sealed with the active keys already, 0 left." in ran.out
    office.require_everything_opens()
    office.require_refreshing_works()


def test_it_may_stop_anywhere_and_later_runs_do_the_rest(office: Office) -> None:
    former = {uuid.UUID(each["id"]).bytes for each in rotated(office)}
    left = []
    for calls in range(3, 60, 4):
        container = office.another_container()
        container.aws_calls.refuse_after = calls
        try:
            operations_of(container).resealer(dry_run=False).run(lambda _: None)
        except (StorageUnavailableError, EncryptionUnavailableError):
            values = [each for several in sealed_values().values() for each in several]
            left.append(sum(each[2:18] in former for each in values))
        else:
            break
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1]
    assert not key_ids_in(sealed_values()) & former
    office.require_everything_opens()


def keys_of_records() -> list[dict[str, dict[str, Any]]]:
    return [each for each in table_items("keys") if each["SK"]["S"] == "record"]


def test_a_second_run_writes_nothing(office: Office) -> None:
    rotated(office)
    office.run("keys", "reseal")
    before = sealed_values()
    again = office.run("keys", "reseal", "--json").json
    assert again["resealed"] == {}
    assert again["current"] == sum(map(len, before.values()))
    assert sealed_values() == before


def test_a_dry_run_tells_what_it_would_do_and_writes_nothing(office: Office) -> None:
    rotated(office)
    before, records = sealed_values(), keys_of_records()
    would = office.run("keys", "reseal", "--dry-run", "--json").json
    assert sum(would["resealed"].values()) == sum(map(len, before.values()))
    assert sealed_values() == before
    assert keys_of_records() == records


def test_two_rotations_at_once_make_one_active_key(office: Office, wire: Wire) -> None:
    former = active_of(office, DEPLOYMENT)
    command = ["keys", "rotate", "--scope", DEPLOYMENT]
    ran, other = at_once(office, wire, command, lambda: office.run(*command))
    assert (ran.code, "data_key_changed" in ran.err) == (1, True)
    assert other.code == 0
    assert active_of(office, DEPLOYMENT) != former
    assert len([each for each in keys_of(office) if each["scope"] == DEPLOYMENT]) == 2
    assert [(each["action"], each["object_id"]) for each in recorded()] == [
        ("create", active_of(office, DEPLOYMENT))
    ]
    office.require_everything_opens()


def test_a_value_that_somebody_replaces_meanwhile_stays_theirs(office: Office) -> None:
    """The container of before seals with the former key; what it writes is re-sealed as well."""
    rotated(office)
    outcome = reseal_while(office, lambda: enter(office, "meanwhile"))
    assert outcome.left == 0
    office.plain.seen.clear()
    with office.another_container().client(office.mara.token) as mara:
        path = f"{office.paths['headers']}/tools?refresh=true"
        assert mara.get(path).status_code == 200
    assert "meanwhile" in office.plain.values_of("X-Own")


def enter(office: Office, value: str) -> None:
    body = {"values": {"X-Own": value}}
    office.mara.client.put(f"{office.paths['headers']}/user-headers", json=body).raise_for_status()


def reseal_while(office: Office, action: Any) -> Any:
    """Re-seal in another container; `action` happens right before its first write of a value."""
    container, todo = office.another_container(), [action]

    def act(event_name: str, params: Any, **_: Any) -> None:
        if "ConditionExpression" in str(params) and "connections" in str(params) and todo:
            todo.pop()()

    client = container.database.connection.client
    client.meta.events.register("before-call.dynamodb.UpdateItem", act)
    outcome = operations_of(container).resealer(dry_run=False).run(lambda _: None)
    assert not todo
    return outcome


def test_what_is_deleted_meanwhile_does_not_come_back(office: Office) -> None:
    rotated(office)

    def leave() -> None:
        with office.deployment.client(office.mara.token) as mara:
            mara.delete(f"{SERVERS}/{office.tickets}/oauth2/disconnect").raise_for_status()
            mara.delete(f"{office.paths['headers']}/user-headers").raise_for_status()

    outcome = reseal_while(office, leave)
    assert outcome.gone == 2
    assert outcome.left == 0
    assert not table_items("connections")


def test_a_refresh_that_was_under_way_is_not_undone_by_re_sealing(office: Office) -> None:
    rotated(office)
    office.deployment.clock.advance(hours=2)
    before = len(office.world.authorization_server.tokens)

    def refresh() -> None:
        with office.deployment.client(office.mara.token) as mara:
            mara.get(f"{SERVERS}/{office.tickets}/tools").raise_for_status()

    assert reseal_while(office, refresh).left == 0
    assert len(office.world.authorization_server.tokens) > before
    office.require_refreshing_works()


def test_chunks_of_an_upload_under_way_wait_for_it(office: Office) -> None:
    (file,) = [
        each
        for each in table_items("chats")
        if each["PK"]["S"].startswith("FILE#") and each["SK"]["S"] == "meta"
    ]
    table = f"ciborium-{aws.STAGE}-chats"
    key = {name: file[name] for name in ("PK", "SK")}
    aws.client("dynamodb").delete_item(TableName=table, Key=key)
    rotated(office)
    ran = office.run("keys", "reseal")
    assert ran.code == 1
    assert "1 chunks of uploads under way; run it again in an hour." in ran.out
    aws.client("dynamodb").put_item(TableName=table, Item=file)
    assert office.run("keys", "reseal").code == 0
    office.require_everything_opens()


def test_a_value_that_does_not_open_is_named_and_the_others_are_re_sealed(office: Office) -> None:
    table = f"ciborium-{aws.STAGE}-models"
    (row,) = [each for each in table_items("models") if "api_key" in each]
    broken = bytes(row["api_key"]["B"])[:-1] + b"?"
    aws.client("dynamodb").put_item(TableName=table, Item={**row, "api_key": {"B": broken}})
    rotated(office)
    ran = office.run("keys", "reseal")
    assert ran.code == 1
    assert f"unreadable: models MODELS {row['SK']['S']} api_key" in ran.out
    assert "1 left" in ran.out
    assert broken.hex() not in ran.out + ran.err


def test_a_key_is_revoked_once_nothing_is_sealed_with_it_and_nobody_may_still_write_it(
    office: Office,
) -> None:
    former = next(each["id"] for each in rotated(office) if each["scope"] == DEPLOYMENT)
    assert "data_key_active" in office.run("keys", "revoke", active_of(office, DEPLOYMENT)).err
    office.deployment.clock.advance(**GRACE)
    in_use = office.run("keys", "revoke", former)
    assert in_use.code == 1
    assert "values are sealed with the key: " in in_use.err
    assert "1 in models.api_key" in in_use.err
    office.run("keys", "reseal")
    lately = office.run("keys", "revoke", former)
    assert lately.code == 1
    assert "Try again in 15 minutes. (data_key_in_use_lately)" in lately.err
    office.deployment.clock.advance(**GRACE)
    assert office.run("keys", "revoke", former).out == f"{former} is revoked.\n"
    assert office.run("keys", "revoke", former).code == 0  # Again.
    office.require_everything_opens()
    unknown = office.run("keys", "revoke", str(uuid.uuid4()))
    assert "data_key_not_found" in unknown.err
    assert office.run("keys", "revoke", "x").code == 2


def test_what_a_revoked_key_sealed_says_so_and_is_no_500(office: Office) -> None:
    """As if a row came back from a backup."""
    old = table_items("connections")
    former = rotated(office)
    office.run("keys", "reseal")
    office.deployment.clock.advance(**GRACE)
    for each in former:
        assert office.run("keys", "revoke", each["id"]).code == 0
    for row in old:
        aws.client("dynamodb").put_item(TableName=f"ciborium-{aws.STAGE}-connections", Item=row)
    with office.another_container().client(office.mara.token) as mara:
        for path in (f"{SERVERS}/{office.tickets}", office.paths["headers"]):
            refused = mara.get(f"{path}/tools?refresh=true")
            assert error_of(refused) == (409, "data_key_revoked")
        # The way out of it.
        mara.delete(f"{SERVERS}/{office.tickets}/oauth2/disconnect").raise_for_status()
    office.world.connect_as(office.mara.token, office.tickets)
    assert office.world.list_tools(office.tickets, office.mara.token).status_code == 200


def test_one_organisations_keys_are_destroyed_and_nobody_elses(office: Office) -> None:
    scope = f"organization:{office.organization_id}"
    rotated(office)  # So there are two of them.
    before = keys_of_records()
    assert "4 values" in office.run("keys", "destroy", scope, "--dry-run").out
    other = office.run("keys", "destroy", scope, "--confirm", "organization:x")
    assert (other.code, "Nothing was destroyed" in other.err) == (1, True)
    assert keys_of_records() == before
    ran = office.run("keys", "destroy", scope, typed=f"{scope}\n")
    assert ran.code == 0, ran.err
    assert ran.out.endswith(f"2 data keys of {scope} are destroyed.\n")
    for record in keys_of_records():
        is_gone = record["scope"]["S"] == scope
        assert ("wrapped" not in record) == is_gone
        assert (record["status"]["S"] == "revoked") == is_gone
    with office.another_container().client(office.mara.token) as mara:
        answers = [
            mara.get(f"{SERVERS}/{office.tickets}/tools"),
            mara.get(f"{office.paths['headers']}/tools"),
            mara.get(office.file, headers={"Accept": "image/png"}),
        ]
        assert [error_of(each) for each in answers] == [(409, "data_key_revoked")] * 3
        assert mara.get(f"{office.paths['key']}/tools").status_code == 200
    # Its people go on with a new key.
    office.world.connect_as(office.mara.token, office.tickets)
    assert office.world.list_tools(office.tickets, office.mara.token).status_code == 200
    assert "scope_indestructible" in office.run("keys", "destroy", DEPLOYMENT).err


def test_the_audit_log_tells_what_became_of_keys(office: Office) -> None:
    scope = f"organization:{office.organization_id}"
    (former,) = [each["id"] for each in rotated(office) if each["scope"] == scope]
    office.deployment.clock.advance(seconds=1)
    office.run("keys", "destroy", scope, "--confirm", scope)
    with office.deployment.admin as admin:
        events = admin.get("/api/v2/audit?object_type=data_key").json()["events"]
    assert {each["actor_username"] for each in events} == {"operator"}
    last, *others = events
    assert (last["action"], last["object_id"]) == ("delete", scope)
    assert last["organization_id"] == office.organization_id
    assert former in {each["diff"]["in_place_of"]["new"] for each in others}


def test_data_keys_move_to_another_kms_key_and_no_row_is_touched(office: Office) -> None:
    before, arn = sealed_values(), new_kms_key()
    old_arn = keys_of(office)[0]["kms_key"]
    aws.client("kms").update_alias(AliasName=f"alias/ciborium-{aws.STAGE}", TargetKeyId=arn)
    office.require_everything_opens()  # The stack knows the new key, nothing has moved yet.
    would = office.run("keys", "move", "--to", arn, "--dry-run")
    assert f"2 data keys would be moved to {arn}" in would.out
    assert {each["kms_key"] for each in keys_of(office)} == {old_arn}
    assert office.run("keys", "move", "--to", arn).code == 0
    assert {each["kms_key"] for each in keys_of(office)} == {arn}
    assert sealed_values() == before
    aws.lose_kms_key(old_arn)
    office.require_everything_opens()
    assert "0 data keys moved" in office.run("keys", "move", "--to", arn).out


def test_records_that_do_not_name_their_kms_key_move_as_well(office: Office) -> None:
    """Those that an older release made."""
    dynamodb, arn = aws.client("dynamodb"), new_kms_key()
    for record in keys_of_records():
        del record["kms_key"]
        dynamodb.put_item(TableName=f"ciborium-{aws.STAGE}-keys", Item=record)
    aws.client("kms").update_alias(AliasName=f"alias/ciborium-{aws.STAGE}", TargetKeyId=arn)
    office.require_everything_opens()
    assert office.run("keys", "move", "--to", arn).code == 0
    assert {each["kms_key"] for each in keys_of(office)} == {arn}
    office.require_everything_opens()


def test_a_move_to_a_key_that_is_not_there_changes_nothing(office: Office) -> None:
    records = keys_of_records()
    refused = office.run("keys", "move", "--to", f"arn:aws:kms:us-east-1:1:key/{uuid.uuid4()}")
    assert (refused.code, "kms_key_not_found" in refused.err) == (1, True)
    assert keys_of_records() == records


def test_rotation_asks_for_a_scope_that_is_there(office: Office) -> None:
    assert office.run("keys", "rotate").code == 2
    assert office.run("keys", "rotate", "--all", "--scope", DEPLOYMENT).code == 2
    assert "scope_not_found" in office.run("keys", "rotate", "--scope", "organization:x").err
    assert "0 scopes are rotated" in office.run("keys", "rotate", "--all", "--older-than", "90").out
    office.deployment.clock.advance(days=91)
    assert "2 scopes are rotated" in office.run("keys", "rotate", "--all", "--older-than", "90").out


def test_what_the_program_prints_holds_no_secret_and_no_key(office: Office) -> None:
    rotated(office)
    ran = [
        office.run("keys", "list"),
        office.run("keys", "reseal", "--json"),
        office.run("keys", "list", "--json"),
    ]
    printed = "".join(each.out + each.err for each in ran)
    wrapped = [bytes(each["wrapped"]["B"]) for each in keys_of_records()]
    assert all(each.hex() not in printed and str(each) not in printed for each in wrapped)
    assert "sentinel" not in printed
    assert json.loads(ran[1].out)["unreadable"] == []


def test_a_value_re_sealed_still_opens_only_where_it_belongs(office: Office) -> None:
    rotated(office)
    office.run("keys", "reseal")
    (sealed,) = [each for each in sealed_values()["connections", "access_token"] if each]
    vault = office.another_container().services._vault
    right = Place(CONNECTION_ACCESS_TOKEN, office.tickets, office.mara.id)
    assert vault.open(sealed, right) in office.world.authorization_server.tokens
    with pytest.raises(SealedValueError):
        vault.open(sealed, Place(CONNECTION_ACCESS_TOKEN, office.tickets, "somebody"))
