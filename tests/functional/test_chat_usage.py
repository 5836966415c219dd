"""What chats use and cost, and the limits of what may be spent."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.audit import AuditRepository
from chalicelib.chats.errors import ChatChangedError
from chalicelib.chats.repository import ChatWrite
from chalicelib.sdk.chats import MessageUsage
from chalicelib.storage import Transaction
from chalicelib.usage.repository import UsageRepository
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import Deployment, error_of
from tests.support.people import ORGANIZATIONS, Person, default_organization, join, new_person

LIMITS = f"{CHATS}/usage-limits"
STATUS = f"{LIMITS}/status"
COST = f"{CHATS}/cost"
SOME_CHAT = "00000000-0000-4000-8000-000000000001"
SMALL, LARGE = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
NOTHING = {
    "messages": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_read_tokens": 0,
    "cache_creation_tokens": 0,
    "cost_micros": 0,
}


@pytest.fixture(autouse=True)
def model_id(deployment: Deployment) -> str:
    """Every chat needs a model to choose."""
    return offer_model(deployment)


@pytest.fixture
def mara(deployment: Deployment) -> Person:
    """A member of the default organisation."""
    person = new_person(deployment)
    join(deployment, default_organization(deployment), person)
    return person


def chat_body(person: Person) -> dict[str, Any]:
    organization_id = default_organization(person.deployment)
    return {"organization_id": organization_id, "content": text("Hello")}


def start_chat(person: Person) -> str:
    answer = person.client.post(CHATS, json=chat_body(person)).raise_for_status()
    return str(answer.json()["id"])


def add_count(
    transaction: Transaction, person: Person, cost: int, chat_id: str, model: str, **tokens: int
) -> None:
    """What the turn worker adds to the transaction of a model's answer."""
    deployment = person.deployment
    audit = AuditRepository(deployment.database, deployment.clock, timedelta(days=1))
    UsageRepository(deployment.database, audit).count(
        transaction,
        owner_id=person.id,
        chat_id=chat_id,
        organization_id=default_organization(deployment),
        model_config_id=model,
        usage=MessageUsage(cost_micros=cost, **tokens),
        at=deployment.clock(),
    )


def spend(
    person: Person, cost: int, chat_id: str = SOME_CHAT, model: str = SMALL, **tokens: int
) -> None:
    """Let a model answer somebody."""
    transaction = person.deployment.database.transaction()
    add_count(transaction, person, cost, chat_id, model, **tokens)
    transaction.commit()


def allow(deployment: Deployment, micros: int | None, of: str = "") -> httpx.Response:
    """Say how much may be spent, as the first admin."""
    with deployment.admin as admin:
        return admin.put(f"{LIMITS}{of}", json={"spend_limit_micros": micros}).raise_for_status()


def limit_of(person: Person) -> int | None:
    found: int | None = person.get(STATUS).raise_for_status().json().get("limit_micros")
    return found


def new_group(deployment: Deployment, name: str, *members: Person) -> str:
    path = f"{ORGANIZATIONS}/{default_organization(deployment)}/groups"
    with deployment.admin as admin:
        group_id = admin.post(path, json={"name": name}).raise_for_status().json()["id"]
        for each in members:
            admin.put(f"{path}/{group_id}/members/{each.id}").raise_for_status()
    return str(group_id)


def test_what_a_model_uses_is_counted_for_the_user_the_month_the_model_and_the_chat(
    deployment: Deployment, mara: Person
) -> None:
    chat_id = start_chat(mara)
    spend(mara, 300, chat_id, SMALL, input_tokens=100, output_tokens=20, cache_read_tokens=7)
    spend(mara, 900, chat_id, LARGE, input_tokens=50, output_tokens=5, cache_creation_tokens=3)
    spend(mara, 100)
    both = {
        "messages": 2,
        "input_tokens": 150,
        "output_tokens": 25,
        "cache_read_tokens": 7,
        "cache_creation_tokens": 3,
        "cost_micros": 1200,
    }
    all_ = {**both, "messages": 3, "cost_micros": 1300}
    assert mara.get(f"{COST}/chats/{chat_id}").json() == both
    summary = mara.get(f"{COST}/me/summary").json()
    models = summary.pop("by_model")
    assert [(each["model_config_id"], each["cost_micros"]) for each in models] == [
        (LARGE, 900),
        (SMALL, 400),
    ]
    assert summary == {
        "user_id": mara.id,
        "first_month": "2026-11",
        "last_month": "2026-11",
        "total": all_,
        "by_month": [{**all_, "month": "2026-11"}],
    }
    assert mara.get(STATUS).json() == {"spent_micros": 1300, "resets_at": "2026-12-01T00:00:00Z"}


def test_a_chat_that_has_used_nothing_costs_nothing_and_nobody_sees_anothers(
    deployment: Deployment, mara: Person
) -> None:
    chat_id = start_chat(mara)
    assert mara.get(f"{COST}/chats/{chat_id}").json() == NOTHING
    assert error_of(deployment.admin.get(f"{COST}/chats/{chat_id}")) == (404, "chat_not_found")
    assert error_of(mara.get(f"{COST}/chats/{SOME_CHAT}")) == (404, "chat_not_found")


def test_counts_of_transactions_that_overlap_add_up(deployment: Deployment, mara: Person) -> None:
    first, second = deployment.database.transaction(), deployment.database.transaction()
    add_count(first, mara, 10, SOME_CHAT, SMALL, input_tokens=1)
    add_count(second, mara, 20, SOME_CHAT, SMALL, input_tokens=2)
    deployment.aws_calls.meanwhile = second.commit
    first.commit()
    total = mara.get(f"{COST}/me/summary").json()["total"]
    assert (total["messages"], total["input_tokens"], total["cost_micros"]) == (2, 3, 30)


def test_a_step_that_is_not_committed_does_not_count_and_one_that_comes_twice_counts_once(
    deployment: Deployment, mara: Person
) -> None:
    chat_id = start_chat(mara)
    chats = deployment.services.chats._repository
    before = chats.find(chat_id)
    assert before is not None
    write = ChatWrite(
        before=before,
        after=replace(before, title="Answered"),
        extend=[lambda transaction: add_count(transaction, mara, 50, chat_id, SMALL)],
    )
    chats.write(write)
    with pytest.raises(ChatChangedError):
        chats.write(write)
    assert mara.get(f"{COST}/chats/{chat_id}").json()["cost_micros"] == 50
    assert mara.get(STATUS).json()["spent_micros"] == 50


def test_the_count_begins_anew_with_the_month_in_utc(deployment: Deployment, mara: Person) -> None:
    deployment.clock.now = deployment.clock.now.replace(day=30, hour=23, minute=59, second=59)
    allow(deployment, 100)
    spend(mara, 100)
    assert error_of(mara.client.post(CHATS, json=chat_body(mara))) == (409, "usage_limit")
    deployment.clock.advance(seconds=1)
    assert mara.get(STATUS).json() == {
        "spent_micros": 0,
        "limit_micros": 100,
        "resets_at": "2027-01-01T00:00:00Z",
    }
    start_chat(mara)
    spend(mara, 7)
    path = f"{COST}/me/summary"
    assert mara.get(path).json()["total"]["cost_micros"] == 7
    both = mara.get(f"{path}?start_date=2026-11-01&end_date=2026-12-31T23:00:00Z").json()
    assert [(each["month"], each["cost_micros"]) for each in both["by_month"]] == [
        ("2026-11", 100),
        ("2026-12", 7),
    ]
    past = mara.get(f"{path}?end_date=2026-11-30").json()
    assert (past["first_month"], past["total"]["cost_micros"]) == ("2026-11", 100)


def test_whoever_has_spent_what_they_may_is_told_how_much_and_until_when(
    deployment: Deployment, mara: Person
) -> None:
    allow(deployment, 1000)
    spend(mara, 999)
    chat_id = start_chat(mara)
    spend(mara, 26)
    answer = mara.client.post(CHATS, json=chat_body(mara))
    assert error_of(answer) == (409, "usage_limit")
    body = answer.json()
    assert (body["spent_micros"], body["limit_micros"]) == (1025, 1000)
    assert body["resets_at"] == "2026-12-01T00:00:00Z"
    one = f"{CHATS}/{chat_id}"
    said = {"content": text("More")}
    for refused in (
        mara.client.post(f"{one}/messages", json=said),
        mara.client.patch(f"{one}/messages/1", json=said),
        mara.client.post(f"{one}/retry"),
    ):
        assert error_of(refused) == (409, "usage_limit")
    assert [each["id"] for each in mara.get(CHATS).json()] == [chat_id]
    assert len(mara.get(f"{one}/messages").json()["messages"]) == 1
    allow(deployment, 2000)
    mara.client.post(f"{one}/messages", json=said).raise_for_status()
    assert error_of(mara.client.post(f"{one}/retry")) == (409, "chat_status")


def test_the_worker_learns_between_steps_that_nothing_is_left(
    deployment: Deployment, mara: Person
) -> None:
    usage = deployment.services.usage
    spend(mara, 10)
    assert usage.standing_of(mara.id).remaining_micros is None
    assert not usage.is_exhausted(mara.id)
    allow(deployment, 15)
    assert usage.standing_of(mara.id).remaining_micros == 5
    spend(mara, 10)
    assert usage.standing_of(mara.id).remaining_micros == 0
    assert usage.is_exhausted(mara.id)


def test_a_limit_of_nothing_lets_nobody_begin(deployment: Deployment, mara: Person) -> None:
    allow(deployment, 0)
    assert error_of(mara.client.post(CHATS, json=chat_body(mara))) == (409, "usage_limit")


def test_the_users_limit_counts_before_the_most_generous_groups_and_that_before_everybodys(
    deployment: Deployment, mara: Person
) -> None:
    assert limit_of(mara) is None
    allow(deployment, 1000)
    assert limit_of(mara) == 1000
    near, far = new_group(deployment, "near", mara), new_group(deployment, "far", mara)
    other = new_group(deployment, "other")
    allow(deployment, 9000, f"/group-overrides/{other}")
    assert limit_of(mara) == 1000
    allow(deployment, 10, f"/group-overrides/{near}")
    assert limit_of(mara) == 10
    allow(deployment, 20, f"/group-overrides/{far}")
    assert limit_of(mara) == 20
    allow(deployment, 30, f"/group-overrides/{default_organization(deployment)}")
    assert limit_of(mara) == 30
    allow(deployment, None, f"/group-overrides/{near}")
    assert limit_of(mara) is None
    allow(deployment, 5, f"/overrides/{mara.id}")
    assert limit_of(mara) == 5
    allow(deployment, None, f"/overrides/{mara.id}")
    assert limit_of(mara) is None
    with deployment.admin as admin:
        found = admin.get(LIMITS).json()
        assert found["spend_limit_micros"] == 1000
        assert found["overrides"] == [{"user_id": mara.id, "username": "mara"}]
        assert len(found["group_overrides"]) == 4
        admin.delete(f"{LIMITS}/overrides/{mara.id}").raise_for_status()
        for each in found["group_overrides"]:
            path = f"{LIMITS}/group-overrides/{each['group_id']}"
            admin.delete(path).raise_for_status()
            gone = (404, "usage_limit_override_not_found")
            assert error_of(admin.delete(path)) == gone
        assert error_of(admin.delete(f"{LIMITS}/overrides/{mara.id}")) == gone
    assert limit_of(mara) == 1000


def test_the_check_costs_one_read_and_one_more_only_where_groups_have_limits(
    deployment: Deployment, mara: Person
) -> None:
    def reads() -> int:
        deployment.aws_calls.reset()
        deployment.services.usage.is_exhausted(mara.id)
        return sum(deployment.aws_calls.calls.values())

    assert reads() == 1
    allow(deployment, 10, f"/group-overrides/{default_organization(deployment)}")
    assert reads() == 2
    allow(deployment, 10, f"/overrides/{mara.id}")
    assert reads() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", LIMITS),
        ("PUT", LIMITS),
        ("PUT", f"{LIMITS}/overrides/me"),
        ("DELETE", f"{LIMITS}/overrides/me"),
        ("PUT", f"{LIMITS}/group-overrides/{SOME_CHAT}"),
        ("DELETE", f"{LIMITS}/group-overrides/{SOME_CHAT}"),
        ("GET", f"{COST}/users"),
    ],
)
def test_limits_and_others_costs_are_for_owners(mara: Person, method: str, path: str) -> None:
    body = {"spend_limit_micros": 10**9} if method == "PUT" else None
    assert error_of(mara.client.request(method, path, json=body)) == (403, "not_allowed")


def test_what_somebody_has_used_only_they_and_owners_see(
    deployment: Deployment, mara: Person
) -> None:
    spend(mara, 5)
    tom = new_person(deployment, "tom")
    path = f"{COST}/{mara.id}/summary"
    assert error_of(tom.get(path)) == (404, "user_not_found")
    for client in (mara.client, deployment.admin):
        assert client.get(path).json()["total"]["cost_micros"] == 5


def test_owners_see_what_all_have_used_page_by_page(deployment: Deployment, mara: Person) -> None:
    tom = new_person(deployment, "tom")
    spend(mara, 5)
    deployment.clock.advance(days=30)
    spend(mara, 6)
    spend(tom, 1)
    with deployment.admin as admin:
        path = f"{COST}/users?start_date=2026-11-02&end_date=2026-12-01&limit=2"
        first = admin.get(path).json()
        assert [(each["username"], each["cost_micros"]) for each in first["users"]] == [
            ("admin", 0),
            ("mara", 11),
        ]
        assert (first["first_month"], first["last_month"]) == ("2026-11", "2026-12")
        assert first["has_more"]
        last = admin.get(f"{path}&after_id={first['users'][-1]['user_id']}").json()
        assert [each["username"] for each in last["users"]] == ["tom"]
        assert not last["has_more"]
        found = admin.get(f"{COST}/users?username=mar").json()["users"]
    assert [(each["username"], each["cost_micros"]) for each in found] == [("mara", 6)]


@pytest.mark.parametrize(
    "query",
    [
        "start_date=yesterday",
        "end_date=2026-13-01",
        "start_date=2026-12-01&end_date=2026-11-30",
        "start_date=2020-01-01&end_date=2026-11-30",
        "start_date=0001-01-01T00:00:00%2B14:00",
        "end_date=9999-12-31T23:59:59-12:00",
    ],
)
def test_months_that_are_none_or_too_many_are_refused(mara: Person, query: str) -> None:
    answer = mara.get(f"{COST}/me/summary?{query}")
    assert answer.status_code == 400
    assert answer.json()["validations"][0]["field"] in {"start_date", "end_date"}


def test_a_user_or_group_that_does_not_exist_gets_no_limit(deployment: Deployment) -> None:
    body = {"spend_limit_micros": 1}
    with deployment.admin as admin:
        for unknown in (SOME_CHAT, "nobody"):
            refused = admin.put(f"{LIMITS}/overrides/{unknown}", json=body)
            assert error_of(refused) == (404, "user_not_found")
            refused = admin.put(f"{LIMITS}/group-overrides/{unknown}", json=body)
            assert error_of(refused) == (404, "group_not_found")
        assert admin.get(LIMITS).json() == {"overrides": [], "group_overrides": []}


@pytest.mark.parametrize("body", [{}, {"spend_limit_micros": -1}, {"spend_limit_micros": "5"}])
def test_a_limit_must_be_said(deployment: Deployment, body: dict[str, Any]) -> None:
    assert error_of(deployment.admin.put(LIMITS, json=body)) == (400, "invalid_body")


def test_limits_change_only_in_place_of_what_was_read(deployment: Deployment) -> None:
    with deployment.admin as admin:
        read = admin.get(LIMITS).headers["ETag"]
        allow(deployment, 7, f"/group-overrides/{default_organization(deployment)}")
        stale = admin.put(LIMITS, json={"spend_limit_micros": 9}, headers={"If-Match": read})
        assert error_of(stale) == (409, "usage_limits_changed")
        read = admin.get(LIMITS).headers["ETag"]
        kept = admin.put(LIMITS, json={"spend_limit_micros": 9}, headers={"If-Match": read})
    assert kept.json()["spend_limit_micros"] == 9
    assert len(kept.json()["group_overrides"]) == 1


def test_changes_of_limits_are_recorded(deployment: Deployment, mara: Person) -> None:
    path = f"/overrides/{mara.id}"
    for micros, of in ((5, ""), (None, path), (5, path), (5, path)):
        allow(deployment, micros, of)
        deployment.clock.advance(seconds=1)
    with deployment.admin as admin:
        admin.delete(f"{LIMITS}{path}").raise_for_status()
        found = admin.get("/api/v2/audit?object_type=chat_usage_limit").json()["events"]
    said = [(each["object_id"], each["action"], each["diff"]) for each in reversed(found)]
    name = "spend_limit_micros"
    assert said == [
        ("everybody", "update", {name: {"old": "unlimited", "new": 5}}),
        (mara.id, "create", {name: {"new": "unlimited"}}),
        (mara.id, "update", {name: {"old": "unlimited", "new": 5}}),
        (mara.id, "delete", {name: {"old": 5}}),
    ]


def test_what_a_deleted_user_has_used_goes_with_them(deployment: Deployment, mara: Person) -> None:
    spend(mara, 5)
    allow(deployment, 3, f"/overrides/{mara.id}")
    with deployment.admin as admin:
        admin.delete(mara.path).raise_for_status()
        summary = admin.get(f"{COST}/{mara.id}/summary").json()
        assert summary["total"] == NOTHING
        assert admin.get(LIMITS).json()["overrides"] == []
