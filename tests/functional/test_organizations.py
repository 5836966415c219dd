import pytest

from tests.support.deployment import Deployment, error_of

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
