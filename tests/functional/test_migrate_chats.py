"""Chats that were stored without an organisation get theirs, once, whatever comes in between."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.storage import StorageUnavailableError
from infra.operator.app import cli
from infra.operator.chat_migration import Migration, Outcome
from tests.support import aws
from tests.support.chats import offer_model
from tests.support.deployment import Deployment, error_of
from tests.support.people import ORGANIZATIONS, Person, default_organization, join, new_person
from tests.support.tables import everything_but, table_items

CHATS = "/api/experimental/chats"
TABLE = f"ciborium-{aws.STAGE}-chats"
EACH = 6  # Chats of one kind; there are five kinds.
MANY = 12
Row = dict[str, dict[str, Any]]


class Past:
    """A deployment with chats from the time before organisations.

    Mara has joined research and then sales; Tom is in no organisation.
    """

    def __init__(self, deployment: Deployment, each: int = EACH) -> None:
        self.deployment, self.each = deployment, each
        offer_model(deployment)
        self.default = default_organization(deployment)
        self.mara, self.tom = new_person(deployment, "mara"), new_person(deployment, "tom")
        self.research, self.sales = self._new_organization("research"), self._new("sales")
        self.workspace = self._new_workspace(self.sales)
        self.pattern = self._make_pattern()
        self.expected: dict[str, str] = {}
        kinds: list[tuple[Person, str, str]] = [
            (self.mara, self.workspace, self.sales),
            (self.mara, "", self.research),
            (self.mara, new_uuid(1, 1), self.research),  # A workspace that is gone.
            (self.tom, self.workspace, self.sales),
            (self.tom, "", self.default),
        ]
        for number, (owner, workspace, organization) in enumerate(kinds):
            self._store(number, owner, workspace, organization)

    def _new(self, name: str) -> str:
        self.deployment.clock.advance(seconds=1)
        return self._new_organization(name)

    def _new_organization(self, name: str) -> str:
        with self.deployment.admin as admin:
            created = admin.post(ORGANIZATIONS, json={"name": name}).raise_for_status()
        organization_id = str(created.json()["id"])
        join(self.deployment, organization_id, self.mara)
        return organization_id

    def _new_workspace(self, organization_id: str) -> str:
        path = f"{ORGANIZATIONS}/{organization_id}/workspaces"
        created = self.mara.client.post(path, json={"name": "Atlas"}).raise_for_status()
        return str(created.json()["id"])

    def _make_pattern(self) -> Row:
        """A chat as it is stored today; nothing of it stays in the table."""
        text = [{"type": "text", "text": "Hello"}]
        body = {"organization_id": self.research, "content": text}
        self.mara.client.post(CHATS, json=body).raise_for_status()
        items = table_items("chats")
        for item in items:
            key = {name: item[name] for name in ("PK", "SK")}
            aws.client("dynamodb").delete_item(TableName=TABLE, Key=key)
        return next(item for item in items if item["SK"]["S"] == "meta")

    def _store(self, kind: int, owner: Person, workspace: str, organization: str) -> None:
        puts = []
        for number in range(self.each):
            chat_id = new_uuid(kind + 2, number)
            self.expected[chat_id] = organization
            row = {
                **self.pattern,
                "PK": {"S": f"CHAT#{chat_id}"},
                "LPK": {"S": f"OWNER#{owner.id}"},
                "LSK": {"S": f"{number:04d}#{chat_id}"},
                "chat_id": {"S": chat_id},
                "owner_id": {"S": owner.id},
                **({"workspace_id": {"S": workspace}} if workspace else {}),
            }
            del row["organization_id"]
            message = {"PK": row["PK"], "SK": {"S": "MSG#000000000001"}}
            puts += [{"PutRequest": {"Item": each}} for each in (row, message)]
        for start in range(0, len(puts), 25):
            aws.client("dynamodb").batch_write_item(RequestItems={TABLE: puts[start : start + 25]})

    def migration(
        self, report: Callable[[str], object] = lambda _: None, *, dry_run: bool = False
    ) -> Migration:
        place = self.deployment
        return Migration(place.settings, place.database, report, dry_run=dry_run, clock=place.clock)

    def moved(self) -> dict[str, str]:
        """The organisations of the chats that have one, after seeing that nothing is half-done."""
        items = table_items("chats")
        chats = {item["chat_id"]["S"]: item for item in items if item["SK"]["S"] == "meta"}
        assert chats.keys() == self.expected.keys()
        moved = {
            id_: item["organization_id"]["S"]
            for id_, item in chats.items()
            if "organization_id" in item
        }
        places = [
            (item["SK"]["S"].removeprefix("CHAT#"), item["PK"]["S"].removeprefix("ORG#"))
            for item in items
            if item["PK"]["S"].startswith("ORG#")
        ]
        assert Counter(places) == Counter(moved.items())
        for id_, item in chats.items():
            version = int(self.pattern["version"]["N"]) + (id_ in moved)
            assert item["version"] == {"N": str(version)}
        return moved


def new_uuid(kind: int, number: int) -> str:
    return f"00000000-0000-4000-8000-{kind:04d}{number:08d}"


@pytest.fixture
def past(deployment: Deployment) -> Past:
    return Past(deployment)


@pytest.fixture
def long_past(deployment: Deployment) -> Past:
    return Past(deployment, MANY)


def test_each_chat_goes_where_it_belongs_and_a_second_run_finds_nothing(long_past: Past) -> None:
    lines: list[str] = []
    outcome = long_past.migration(lines.append).run(page_size=20)
    assert long_past.moved() == long_past.expected
    assert outcome.placed == {
        (long_past.sales, "workspace"): 2 * MANY,
        (long_past.research, "membership"): 2 * MANY,
        (long_past.default, "default"): MANY,
    }
    assert lines[0].startswith("20 items looked at, ")
    assert lines[-1].endswith(
        f" items looked at, {5 * MANY} chats moved, 0 moved meanwhile, 0 left"
    )
    assert len(lines) >= 6
    before = everything_but()
    assert long_past.migration().run(page_size=20).placed == {}
    assert everything_but() == before


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(past: Past) -> None:
    before, lines = everything_but(), list[str]()
    would = past.migration(lines.append, dry_run=True).run()
    assert everything_but() == before
    assert lines[-1] == "60 items looked at, 30 chats to be moved, 0 moved meanwhile, 0 left"
    assert past.migration().run().placed == would.placed


class KilledError(BaseException):
    """As if the process had been killed."""


def test_a_killed_run_leaves_whole_chats_and_the_next_one_moves_the_rest(
    long_past: Past,
) -> None:
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) == 3:
            raise KilledError

    with pytest.raises(KilledError):
        long_past.migration(report).run(page_size=20)
    moved = long_past.moved()
    assert 0 < len(moved) < len(long_past.expected)
    outcome = long_past.migration().run()
    assert long_past.moved() == long_past.expected
    assert outcome.placed.total() == len(long_past.expected) - len(moved)


def test_a_run_that_the_database_fails_goes_on_where_it_stopped(past: Past) -> None:
    calls, runs = past.deployment.aws_calls, 0
    counts = [0]
    while len(past.moved()) < len(past.expected):
        runs += 1
        assert runs < 20
        # Somewhere else each time: between two chats, or before what is read for one.
        calls.refuse_after = 12 + runs
        try:
            past.migration().run()
        except StorageUnavailableError:
            counts.append(len(past.moved()))
        finally:
            calls.refuse_after = None
    assert len(counts) > 3
    assert counts == sorted(set(counts))
    assert past.moved() == past.expected


def test_two_runs_at_once_move_each_chat_once(past: Past) -> None:
    others: list[Outcome] = []

    def meanwhile() -> None:
        others.append(past.migration().run())

    past.deployment.aws_calls.meanwhile = meanwhile
    outcome = past.migration().run()
    assert past.moved() == past.expected
    assert others[0].placed.total() == len(past.expected)
    # What it had found already; the others were no longer to be found.
    assert outcome.placed.total() == 0
    assert outcome.moved_meanwhile > 0


def test_a_chat_that_is_deleted_meanwhile_is_not_brought_back(past: Past) -> None:
    def delete_one() -> None:
        chat_id = past.expected.popitem()[0]
        for sort_key in ("meta", "MSG#000000000001"):
            key = {"PK": {"S": f"CHAT#{chat_id}"}, "SK": {"S": sort_key}}
            aws.client("dynamodb").delete_item(TableName=TABLE, Key=key)

    past.deployment.aws_calls.meanwhile = delete_one
    assert past.migration().run().placed.total() == len(past.expected)
    assert past.moved() == past.expected


def test_a_chat_that_is_being_deleted_stays_where_it_is(past: Past) -> None:
    chat_id, _ = past.expected.popitem()
    aws.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"PK": {"S": f"CHAT#{chat_id}"}, "SK": {"S": "meta"}},
        UpdateExpression="SET is_deleted = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    assert past.migration().run().placed.total() == len(past.expected)
    items = [each for each in table_items("chats") if chat_id in str(each)]
    assert {each["SK"]["S"] for each in items} == {"meta", "MSG#000000000001"}
    assert not any("organization_id" in each for each in items)


def test_a_workspaces_organisation_that_is_gone_does_not_count(past: Past) -> None:
    with past.deployment.admin as admin:
        admin.delete(f"{ORGANIZATIONS}/{past.sales}").raise_for_status()
    outcome = past.migration().run()
    assert outcome.placed == {
        (past.research, "membership"): 3 * EACH,
        (past.default, "default"): 2 * EACH,
    }


def test_an_organisation_that_goes_meanwhile_gets_no_chat(past: Past) -> None:
    def delete() -> None:
        with past.deployment.admin as admin:
            admin.delete(f"{ORGANIZATIONS}/{past.sales}").raise_for_status()

    past.deployment.aws_calls.meanwhile = delete
    past.migration().run()
    assert past.sales not in past.moved().values()
    past.migration().run()
    assert past.moved().keys() == past.expected.keys()
    assert set(past.moved().values()) == {past.research, past.default}


def test_owners_find_their_chats_and_their_organisation_cannot_be_deleted(past: Past) -> None:
    past.migration().run()
    (first, *_) = past.mara.get(CHATS).json()
    assert first["organization_id"] == past.expected[first["id"]]
    with past.deployment.admin as admin:
        refused = admin.delete(f"{ORGANIZATIONS}/{past.research}")
        assert error_of(refused) == (409, "organization_has_chats")


def test_every_move_is_in_the_audit_log(past: Past) -> None:
    past.migration().run()
    with past.deployment.admin as admin:
        path = f"/api/v2/audit?object_type=chat&organization_id={past.default}&action=update"
        events = admin.get(f"{path}&limit=200").json()["events"]
    assert len(events) == EACH
    assert {each["actor_username"] for each in events} == {"operator"}
    assert events[0]["diff"] == {"organization_id": {"new": past.default}}


def test_the_program_says_what_it_did_and_what_it_could_not_do(past: Past) -> None:
    would = run_program("--dry-run")
    assert would.exit_code == 0
    assert f"{EACH} would go to organization {past.default} (by default)" in would.stdout
    assert past.moved() == {}
    # A deployment that never had a default organisation.
    key = {"PK": {"S": f"ORG#{past.default}"}, "SK": {"S": "profile"}}
    organizations = f"ciborium-{aws.STAGE}-organizations"
    aws.client("dynamodb").delete_item(TableName=organizations, Key=key)
    done = run_program()
    assert done.exit_code == 1
    assert f"{2 * EACH} went to organization {past.research} (by membership)" in done.stdout
    assert f"{EACH} left" in done.stdout
    assert f"left: chat {new_uuid(6, 0)}" in done.stdout
    aws.lose_table("chats")
    failed = run_program()
    assert (failed.exit_code, "what was moved stays moved" in failed.stderr) == (1, True)
    unset = run_program(CIBORIUM_STAGE="")
    assert (unset.exit_code, "CIBORIUM_STAGE" in unset.stderr) == (2, True)


def run_program(*arguments: str, **environment: str) -> Result:
    named = {"CIBORIUM_STAGE": aws.STAGE, "CIBORIUM_PUBLIC_URL": "https://ciborium.example"}
    return CliRunner().invoke(cli, ["migrate", "chats", *arguments], env=named | environment)
