"""Groups of an organisation's members."""

from typing import Any

import pytest

from tests.support import aws
from tests.support.deployment import Deployment, error_of
from tests.support.people import ME, ORGANIZATIONS, Person, join, new_person
from tests.support.servers import NOWHERE


class Place:
    """An organisation, its admin, and a member."""

    def __init__(self, deployment: Deployment) -> None:
        with deployment.admin as admin:
            created = admin.post(ORGANIZATIONS, json={"name": "research"}).raise_for_status()
        self.id = str(created.json()["id"])
        self.groups = f"{ORGANIZATIONS}/{self.id}/groups"
        self.members = f"{ORGANIZATIONS}/{self.id}/members"
        self.deployment = deployment
        self.ada, self.mara = new_person(deployment, "ada"), new_person(deployment)
        join(deployment, self.id, self.ada, "organization-admin")
        join(deployment, self.id, self.mara)

    def new_group(self, name: str = "team") -> str:
        """The path of a new group."""
        created = self.ada.client.post(self.groups, json={"name": name}).raise_for_status()
        return f"{self.groups}/{created.json()['id']}"

    def groups_of(self, person: Person) -> list[str]:
        """The ids of somebody's groups, as the members' list tells them."""
        found = self.ada.get(self.members).json()
        return next(each["group_ids"] for each in found if each["user_id"] == person.id)


@pytest.fixture
def place(deployment: Deployment) -> Place:
    return Place(deployment)


def user_ids(answer: Any) -> set[str]:
    return {each["user_id"] for each in answer.json()}


def test_an_organisation_has_a_group_of_everyone_with_its_own_id(place: Place) -> None:
    (everyone,) = place.mara.get(place.groups).json()
    assert (everyone["id"], everyone["name"], everyone["is_everyone"]) == (
        place.id,
        "everyone",
        True,
    )
    everybody = user_ids(place.mara.get(place.members))
    assert user_ids(place.mara.get(f"{place.groups}/{place.id}/members")) == everybody
    assert {place.ada.id, place.mara.id} <= everybody


def test_the_group_of_everyone_is_not_managed(place: Place) -> None:
    everyone = f"{place.groups}/{place.id}"
    with place.ada.client as ada:
        for refused in (
            ada.patch(everyone, json={"display_name": "All"}),
            ada.delete(everyone),
            ada.put(f"{everyone}/members/{place.mara.id}"),
            ada.delete(f"{everyone}/members/{place.mara.id}"),
        ):
            assert error_of(refused) == (409, "everyone_group")
        for refused in (
            ada.post(place.groups, json={"name": "everyone"}),
            ada.patch(place.new_group(), json={"name": "everyone"}),
        ):
            assert error_of(refused) == (409, "group_exists")


def test_members_come_and_go(place: Place) -> None:
    group = place.new_group()
    with place.ada.client as ada:
        for _ in range(2):  # Safe to repeat.
            assert ada.put(f"{group}/members/{place.mara.id}").status_code == 204
        assert user_ids(ada.get(f"{group}/members")) == {place.mara.id}
        assert place.groups_of(place.mara) == [group.rpartition("/")[2]]
        assert ada.delete(f"{group}/members/{place.mara.id}").status_code == 204
        assert ada.get(f"{group}/members").json() == []
        again = ada.delete(f"{group}/members/{place.mara.id}")
        assert error_of(again) == (404, "member_not_found")


def test_only_members_of_the_organisation_can_be_in_its_groups(place: Place) -> None:
    group, eve = place.new_group(), new_person(place.deployment, "eve")
    with place.ada.client as ada:
        for user_id in (eve.id, NOWHERE, "garbage"):
            refused = ada.put(f"{group}/members/{user_id}")
            assert error_of(refused) == (404, "member_not_found")


def test_whoever_leaves_the_organisation_leaves_its_groups(place: Place) -> None:
    group = place.new_group()
    with place.ada.client as ada:
        ada.put(f"{group}/members/{place.mara.id}")
        ada.delete(f"{place.members}/{place.mara.id}")
        assert ada.get(f"{group}/members").json() == []
        join(place.deployment, place.id, place.mara)
        assert place.groups_of(place.mara) == []


def test_a_name_is_taken_once_in_each_organisation_and_free_again(place: Place) -> None:
    group, other = place.new_group(), place.new_group("other")
    with place.ada.client as ada:
        assert error_of(ada.post(place.groups, json={"name": "team"})) == (409, "group_exists")
        assert error_of(ada.patch(other, json={"name": "team"})) == (409, "group_exists")
        changed = ada.patch(group, json={"name": "crew"}).json()
        assert (changed["name"], changed["display_name"]) == ("crew", "team")
        assert ada.patch(other, json={"name": "team"}).status_code == 200
        assert ada.delete(group).status_code == 204
        place.new_group("crew")
    with place.deployment.admin as admin:
        elsewhere = admin.post(ORGANIZATIONS, json={"name": "sales"}).json()["id"]
        path = f"{ORGANIZATIONS}/{elsewhere}/groups"
        assert admin.post(path, json={"name": "team"}).status_code == 201
        names = [each["name"] for each in admin.get(place.groups).json()]
    assert names == ["everyone", "crew", "team"]


def test_an_unnamed_change_changes_nothing(place: Place) -> None:
    group = place.new_group()
    before = place.ada.get(group).json()
    place.deployment.clock.advance(seconds=1)
    for body in ({}, {"name": None, "display_name": None}, {"name": "team"}):
        assert place.ada.client.patch(group, json=body).json() == before


def test_a_group_of_another_organisation_is_404_here(place: Place) -> None:
    group = place.new_group()
    with place.deployment.admin as admin:
        elsewhere = admin.post(ORGANIZATIONS, json={"name": "sales"}).json()["id"]
        wrong = group.replace(place.id, elsewhere)
        for path in (wrong, f"{wrong}/members", f"{place.groups}/{NOWHERE}", f"{place.groups}/x"):
            assert error_of(admin.get(path)) == (404, "group_not_found")


@pytest.mark.parametrize("calls", range(8))
def test_an_interrupted_deletion_hides_and_is_finished_by_repeating_it(
    place: Place, calls: int
) -> None:
    group, admin = place.new_group(), place.ada.client
    admin.put(f"{group}/members/{place.mara.id}")
    place.deployment.aws_calls.refuse_after = calls
    interrupted = admin.delete(group)
    place.deployment.aws_calls.refuse_after = None
    assert error_of(interrupted) == (503, "storage_unavailable")
    # The token, the organisation, the membership, the group; then the mark.
    is_there = calls < 5
    assert admin.get(group).status_code == (200 if is_there else 404)
    assert len(admin.get(place.groups).json()) == (2 if is_there else 1)
    if not is_there:
        refused = admin.put(f"{group}/members/{place.ada.id}")
        assert error_of(refused) == (404, "group_not_found")
    assert admin.delete(group).status_code == 204
    assert place.groups_of(place.mara) == []
    assert error_of(admin.delete(group)) == (404, "group_not_found")


def test_a_suspended_member_stays_a_member(place: Place) -> None:
    group = place.new_group()
    place.ada.client.put(f"{group}/members/{place.mara.id}")
    with place.deployment.admin as admin:
        admin.put(f"{place.mara.path}/status/suspend")
        admin.put(f"{place.mara.path}/status/activate")
    assert user_ids(place.ada.get(f"{group}/members")) == {place.mara.id}
    assert place.mara.get(ME).json()["organization_ids"] == [place.id]


def test_an_organisation_has_at_most_two_hundred_groups(place: Place) -> None:
    place.new_group()
    client, table = aws.client("dynamodb"), f"ciborium-{aws.STAGE}-organizations"
    items = client.scan(TableName=table)["Items"]
    (group,) = (each for each in items if each["SK"]["S"].startswith("GROUP#"))
    puts = [
        {"PutRequest": {"Item": {**group, "SK": {"S": f"GROUP#{number}"}}}} for number in range(199)
    ]
    for start in range(0, len(puts), 25):
        client.batch_write_item(RequestItems={table: puts[start : start + 25]})
    refused = place.ada.client.post(place.groups, json={"name": "one-more"})
    assert error_of(refused) == (409, "too_many_groups")
