import pytest

from tests.support import aws
from tests.support.chats import offer_model
from tests.support.deployment import Deployment, error_of
from tests.support.people import default_organization, join, new_person
from tests.support.tables import table_items

ALL = "/api/v2/organizations"


def test_an_admin_creates_an_organisation_and_is_its_admin(deployment: Deployment) -> None:
    with deployment.admin as admin:
        created = admin.post(ALL, json={"name": "research", "display_name": "Research"})
        assert created.status_code == 201
        members = admin.get(f"{ALL}/{created.json()['id']}/members").json()
        me = admin.get("/api/v2/users/me").json()
    assert [member["user_id"] for member in members] == [me["id"]]
    assert {"name": "organization-admin"} in members[0]["roles"]


def test_the_default_organisation_exists_from_the_start(deployment: Deployment) -> None:
    organizations = deployment.admin.get(ALL).json()
    assert [(each["name"], each["is_default"]) for each in organizations] == [("default", True)]


def test_a_name_is_taken_once(deployment: Deployment) -> None:
    deployment.admin.post(ALL, json={"name": "research"})
    refused = deployment.admin.post(ALL, json={"name": "research"})
    assert error_of(refused) == (409, "organization_exists")


@pytest.mark.parametrize("name", ["", "Upper", "two words", "-x", "x--y", "x" * 65, 7, None])
def test_a_bad_name_is_400_and_names_the_field(deployment: Deployment, name: object) -> None:
    refused = deployment.admin.post(ALL, json={"name": name})
    assert error_of(refused) == (400, "invalid_body")
    assert [each["field"] for each in refused.json()["validations"]] == ["name"]


def test_a_member_sees_their_own_organisations_and_no_others(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        research = admin.post(ALL, json={"name": "research"}).json()["id"]
        secret = admin.post(ALL, json={"name": "secret"}).json()["id"]
        mara_id = mara.get("/api/v2/users/me").json()["id"]
        added = admin.post(f"{ALL}/{research}/members/{mara_id}", json={})
        assert added.status_code == 201
        assert [each["id"] for each in mara.get(ALL).json()] == [research]
        assert mara.get(f"{ALL}/{research}").status_code == 200
        assert mara.get("/api/v2/users/me").json()["organization_ids"] == [research]
        for path in (secret, f"{secret}/members"):
            assert error_of(mara.get(f"{ALL}/{path}")) == (404, "organization_not_found")


def test_a_person_is_added_once(deployment: Deployment) -> None:
    with deployment.admin as admin:
        default = admin.get(ALL).json()[0]["id"]
        me = admin.get("/api/v2/users/me").json()["id"]
        refused = admin.post(f"{ALL}/{default}/members/{me}", json={})
    assert error_of(refused) == (409, "member_exists")


def test_only_admins_create_organisations_and_add_members(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        default = admin.get(ALL).json()[0]["id"]
        mara_id = mara.get("/api/v2/users/me").json()["id"]
        assert error_of(mara.post(ALL, json={"name": "mine"})) == (403, "not_allowed")
        path = f"{ALL}/{default}/members/{mara_id}"
        assert error_of(mara.post(path, json={})) == (404, "organization_not_found")
        admin.post(path, json={})
        other = deployment.new_member("eve").get("/api/v2/users/me").json()["id"]
        refused = mara.post(f"{ALL}/{default}/members/{other}", json={})
        assert error_of(refused) == (403, "not_allowed")


def test_an_organisations_own_admin_adds_members(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        research = admin.post(ALL, json={"name": "research"}).json()["id"]
        mara_id = mara.get("/api/v2/users/me").json()["id"]
        roles = {"roles": ["organization-admin"]}
        admin.post(f"{ALL}/{research}/members/{mara_id}", json=roles)
        other = deployment.new_member("eve").get("/api/v2/users/me").json()["id"]
        assert mara.post(f"{ALL}/{research}/members/{other}", json={}).status_code == 201


def test_an_unknown_user_or_organisation_is_404(deployment: Deployment) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    with deployment.admin as admin:
        default = admin.get(ALL).json()[0]["id"]
        me = admin.get("/api/v2/users/me").json()["id"]
        refused = admin.post(f"{ALL}/{default}/members/{nowhere}", json={})
        assert error_of(refused) == (404, "user_not_found")
        refused = admin.post(f"{ALL}/{nowhere}/members/{me}", json={})
        assert error_of(refused) == (404, "organization_not_found")
        assert error_of(admin.get(f"{ALL}/not-a-uuid")) == (404, "organization_not_found")


def new_organization(deployment: Deployment, name: str = "research") -> str:
    with deployment.admin as admin:
        return str(admin.post(ALL, json={"name": name}).raise_for_status().json()["id"])


def test_what_is_not_named_stays(deployment: Deployment) -> None:
    one = f"{ALL}/{new_organization(deployment)}"
    with deployment.admin as admin:
        before = admin.get(one).json()
        assert admin.patch(one, json={"name": None, "description": None}).json() == before
        deployment.clock.advance(seconds=1)
        after = admin.patch(one, json={"description": "Science", "display_name": "R"}).json()
        assert (after["name"], after["display_name"], after["description"]) == (
            "research",
            "R",
            "Science",
        )
        assert after["updated_at"] > before["updated_at"]
        assert admin.patch(one, json={"description": ""}).json()["description"] == ""


def test_a_changed_name_is_free_again_and_the_new_one_is_not(deployment: Deployment) -> None:
    one = f"{ALL}/{new_organization(deployment)}"
    new_organization(deployment, "sales")
    with deployment.admin as admin:
        taken = admin.patch(one, json={"name": "sales"})
        assert error_of(taken) == (409, "organization_exists")
        assert admin.patch(one, json={"name": "science"}).json()["name"] == "science"
        new_organization(deployment, "research")
        names = [each["name"] for each in admin.get(ALL).json()]
    assert names == ["default", "research", "sales", "science"]


def test_the_default_organisation_keeps_its_name_and_stays(deployment: Deployment) -> None:
    one = f"{ALL}/{default_organization(deployment)}"
    with deployment.admin as admin:
        for refused in (admin.patch(one, json={"name": "x"}), admin.delete(one)):
            assert error_of(refused) == (409, "default_organization")
        assert admin.patch(one, json={"display_name": "Us"}).json()["display_name"] == "Us"


def test_a_deleted_organisation_is_gone_with_its_members_and_groups(
    deployment: Deployment,
) -> None:
    organization_id = new_organization(deployment)
    mara = new_person(deployment)
    join(deployment, organization_id, mara)
    one = f"{ALL}/{organization_id}"
    with deployment.admin as admin:
        admin.post(f"{one}/groups", json={"name": "team"}).raise_for_status()
        assert admin.delete(one).status_code == 204
        assert error_of(admin.get(one)) == (404, "organization_not_found")
        assert error_of(admin.delete(one)) == (404, "organization_not_found")
        assert mara.get("/api/v2/users/me").json()["organization_ids"] == []
        assert rows_of(organization_id) == 0
        new_organization(deployment)  # The name is free.


def rows_of(organization_id: str) -> int:
    table = aws.client("dynamodb").scan(TableName=f"ciborium-{aws.STAGE}-organizations")
    return sum(organization_id in str(item) for item in table["Items"])


@pytest.mark.parametrize("calls", range(6))
def test_an_interrupted_deletion_hides_and_is_finished_by_repeating_it(
    deployment: Deployment, calls: int
) -> None:
    organization_id = new_organization(deployment)
    one = f"{ALL}/{organization_id}"
    with deployment.admin as admin:
        deployment.aws_calls.refuse_after = calls
        interrupted = admin.delete(one)
        deployment.aws_calls.refuse_after = None
        assert error_of(interrupted) == (503, "storage_unavailable")
        # The token, the organisation, its chats; then the mark.
        assert admin.get(one).status_code == (200 if calls < 4 else 404)
        assert len(admin.get(ALL).json()) == (2 if calls < 4 else 1)
        assert admin.delete(one).status_code == 204
        assert rows_of(organization_id) == 0


def test_an_organisation_with_chats_stays_until_they_are_gone(deployment: Deployment) -> None:
    organization_id = new_organization(deployment)
    mara = new_person(deployment)
    join(deployment, organization_id, mara)
    offer_model(deployment)
    chat = {"organization_id": organization_id, "content": [{"type": "text", "text": "x"}]}
    mara.client.post("/api/experimental/chats", json=chat).raise_for_status()
    one = f"{ALL}/{organization_id}"
    with deployment.admin as admin:
        assert error_of(admin.delete(one)) == (409, "organization_has_chats")
        assert admin.get(one).status_code == 200
        admin.delete(mara.path).raise_for_status()
        assert admin.delete(one).status_code == 204


def test_a_chat_that_is_begun_while_its_owner_leaves_is_refused(deployment: Deployment) -> None:
    """They were still a member when the request began; its write states that they are."""
    organization_id = new_organization(deployment)
    mara = new_person(deployment)
    join(deployment, organization_id, mara)
    chat = {"organization_id": organization_id, "content": [{"type": "text", "text": "x"}]}
    removed = f"{ALL}/{organization_id}/members/{mara.id}"
    offer_model(deployment)

    deployment.aws_calls.meanwhile = lambda: deployment.admin.delete(removed).raise_for_status()
    refused = mara.client.post("/api/experimental/chats", json=chat)
    assert error_of(refused) == (403, "not_a_member")
    assert not table_items("chats")


def test_members_are_listed_page_by_page_with_their_names(deployment: Deployment) -> None:
    organization_id = new_organization(deployment)
    people = {}
    for number in range(4):
        person = new_person(deployment, f"p{number}", name=f"Person {number}")
        join(deployment, organization_id, person)
        people[person.id] = person
    path = f"{ALL}/{organization_id}/members"
    found: list[dict[str, str]] = []
    with deployment.admin as admin:
        while page := admin.get(
            path, params={"limit": 2, "after_id": found[-1]["user_id"] if found else ""}
        ).json():
            assert len(page) <= 2
            found += page
    assert [each["user_id"] for each in found] == sorted(each["user_id"] for each in found)
    names = {each["user_id"]: (each["username"], each["name"]) for each in found}
    assert all(names[each][0].startswith("p") for each in people)
    assert len(names) == 5  # The admin made it.
    for query in ({"limit": 0}, {"limit": 101}, {"after_id": "x"}):
        assert error_of(deployment.admin.get(path, params=query)) == (400, "invalid_page")


def test_a_members_roles_hold_from_the_next_request_on(deployment: Deployment) -> None:
    organization_id = new_organization(deployment)
    mara, eve = new_person(deployment), new_person(deployment, "eve")
    join(deployment, organization_id, mara)
    members = f"{ALL}/{organization_id}/members"
    with deployment.admin as admin, mara.client as client:
        assert client.post(f"{members}/{eve.id}", json={}).status_code == 403
        roles = admin.put(f"{members}/{mara.id}/roles", json={"roles": ["organization-admin"]})
        assert {"name": "organization-admin"} in roles.json()["roles"]
        assert client.post(f"{members}/{eve.id}", json={}).status_code == 201
        admin.put(f"{members}/{mara.id}/roles", json={"roles": []})
        assert client.delete(f"{members}/{eve.id}").status_code == 403


def test_a_removed_member_is_out_at_once(deployment: Deployment) -> None:
    organization_id = new_organization(deployment)
    mara = new_person(deployment)
    join(deployment, organization_id, mara)
    member = f"{ALL}/{organization_id}/members/{mara.id}"
    with deployment.admin as admin:
        assert admin.delete(member).status_code == 204
        assert error_of(admin.delete(member)) == (404, "member_not_found")
        refused = admin.put(f"{member}/roles", json={})
        assert error_of(refused) == (404, "member_not_found")
    assert error_of(mara.get(f"{ALL}/{organization_id}")) == (404, "organization_not_found")


def test_nobody_who_is_gone_becomes_a_member(deployment: Deployment) -> None:
    organization_id = new_organization(deployment)
    mara = new_person(deployment)
    with deployment.admin as admin:
        admin.delete(mara.path).raise_for_status()
        refused = admin.post(f"{ALL}/{organization_id}/members/{mara.id}", json={})
    assert error_of(refused) == (404, "user_not_found")
