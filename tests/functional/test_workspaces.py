"""Workspaces: the named projects of an organisation."""

from typing import Any

import pytest

from tests.support.deployment import Deployment, error_of
from tests.support.people import ORGANIZATIONS, USERS, Person, join, new_person
from tests.support.servers import NOWHERE, SERVERS, create_server
from tests.support.tables import table_items


class Place:
    """An organisation with an admin and two members, and somebody of another one."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.id, self.elsewhere = (
            self._new_organization("research"),
            self._new_organization("sales"),
        )
        self.path = f"{ORGANIZATIONS}/{self.id}"
        self.workspaces = f"{self.path}/workspaces"
        self.ada, self.mara = new_person(deployment, "ada"), new_person(deployment, "mara")
        self.tom, self.eve = new_person(deployment, "tom"), new_person(deployment, "eve")
        join(deployment, self.id, self.ada, "organization-admin")
        join(deployment, self.id, self.mara)
        join(deployment, self.id, self.tom)
        join(deployment, self.elsewhere, self.eve, "organization-admin")

    def _new_organization(self, name: str) -> str:
        with self.deployment.admin as admin:
            created = admin.post(ORGANIZATIONS, json={"name": name}).raise_for_status()
        return str(created.json()["id"])

    def add(self, name: str = "Atlas", person: Person | None = None, **fields: Any) -> str:
        """The path of a new workspace, of Mara's if nobody else is named."""
        created = (person or self.mara).client.post(self.workspaces, json={"name": name, **fields})
        return f"{self.workspaces}/{created.raise_for_status().json()['id']}"

    def leave(self, person: Person) -> None:
        """Let somebody leave the organisation."""
        with self.deployment.admin as admin:
            admin.delete(f"{self.path}/members/{person.id}").raise_for_status()

    def items(self) -> list[str]:
        """What the table holds of workspaces, by its keys."""
        keys = [item["SK"]["S"] for item in table_items("organizations")]
        return [key for key in keys if key.startswith("WORKSPACE")]

    def new_server(self, slug: str, **fields: Any) -> str:
        """The id of a new server that anybody may use, if nothing else is said."""
        with self.deployment.admin as admin:
            return str(create_server(admin, **{"slug": slug, "enabled": True, **fields})["id"])


@pytest.fixture
def place(deployment: Deployment) -> Place:
    return Place(deployment)


def test_a_member_makes_a_workspace_that_all_members_see(place: Place) -> None:
    server_id = place.new_server("tickets")
    fields = {"instructions": "Be brief.", "default_mcp_server_ids": [server_id]}
    made = place.mara.client.post(place.workspaces, json={"name": " Atlas ", **fields})
    assert made.status_code == 201
    workspace = made.json()
    assert workspace == {
        "id": workspace["id"],
        "organization_id": place.id,
        "name": "Atlas",
        "owner_id": place.mara.id,
        "owner_username": "mara",
        **fields,
        "created_at": workspace["created_at"],
        "updated_at": workspace["created_at"],
    }
    for reader in (place.mara, place.tom, place.ada):
        seen = reader.get(f"{place.workspaces}/{workspace['id']}")
        assert (seen.json(), seen.headers["etag"]) == (workspace, '"1"')
        assert reader.get(place.workspaces).json() == [workspace]
    assert made.headers["etag"] == '"1"'


def test_its_owner_and_the_admins_change_it_and_nobody_else(place: Place) -> None:
    workspace, admin = place.add(), place.deployment.admin
    refused = place.tom.client.patch(workspace, json={"name": "Mine"})
    assert error_of(refused) == (403, "not_allowed")
    assert error_of(place.tom.client.delete(workspace)) == (403, "not_allowed")
    for number, client in enumerate((place.mara.client, place.ada.client, admin)):
        changed = client.patch(workspace, json={"instructions": f"v{number}"})
        assert changed.json()["instructions"] == f"v{number}"
        assert changed.json()["owner_id"] == place.mara.id
    for client in (place.mara.client, place.ada.client, admin):
        path = place.add("Another")
        assert client.delete(path).status_code == 204
        assert error_of(client.get(path)) == (404, "workspace_not_found")


def test_who_is_in_another_organisation_learns_nothing(place: Place) -> None:
    workspace = place.add()
    with place.eve.client as eve:
        for answer in (
            eve.get(place.workspaces),
            eve.post(place.workspaces, json={"name": "Mine"}),
            eve.get(workspace),
            eve.patch(workspace, json={"name": "Mine"}),
            eve.delete(workspace),
        ):
            assert error_of(answer) == (404, "organization_not_found")
        elsewhere = workspace.replace(place.id, place.elsewhere)
        for answer in (eve.get(elsewhere), eve.patch(elsewhere, json={}), eve.delete(elsewhere)):
            assert error_of(answer) == (404, "workspace_not_found")


def test_who_has_left_loses_their_workspaces_and_finds_them_again_on_return(place: Place) -> None:
    workspace = place.add()
    place.leave(place.mara)
    with place.mara.client as mara:
        for answer in (
            mara.get(place.workspaces),
            mara.post(place.workspaces, json={"name": "New"}),
            mara.get(workspace),
            mara.patch(workspace, json={"name": "Mine"}),
            mara.delete(workspace),
        ):
            assert error_of(answer) == (404, "organization_not_found")
        assert place.tom.get(workspace).json()["owner_username"] == "mara"
        join(place.deployment, place.id, place.mara)
        assert mara.patch(workspace, json={"name": "Mine"}).status_code == 200


def test_a_suspended_owner_keeps_them_and_a_deleted_one_leaves_them_behind(place: Place) -> None:
    workspace, account = place.add(), f"{USERS}/{place.mara.id}"
    with place.deployment.admin as admin:
        admin.put(f"{account}/status/suspend").raise_for_status()
        assert error_of(place.mara.get(workspace)) == (401, "invalid_token")
        assert place.tom.get(workspace).json()["owner_username"] == "mara"
        assert admin.delete(account).status_code == 204
    seen = place.tom.get(workspace).json()
    assert seen["owner_id"] == place.mara.id
    assert "owner_username" not in seen
    assert place.ada.client.patch(workspace, json={"name": "Ours"}).status_code == 200


def test_the_deployments_owner_manages_them_without_making_any(place: Place) -> None:
    workspace = place.add()
    mine = place.new_server("mine")
    olga = new_person(place.deployment, "olga", roles=["owner"])
    with olga.client as client:
        refused = client.post(place.workspaces, json={"name": "Mine"})
        assert error_of(refused) == (403, "not_a_member")
        assert [each["name"] for each in client.get(place.workspaces).json()] == ["Atlas"]
        changed = client.patch(workspace, json={"default_mcp_server_ids": [mine]})
        assert changed.json()["default_mcp_server_ids"] == [mine]
        assert client.delete(workspace).status_code == 204


def test_a_name_is_taken_once_in_each_organisation_and_free_again(place: Place) -> None:
    workspace, other = place.add("Atlas"), place.add("Straße")
    with place.mara.client as mara:
        for name in ("Atlas", "ATLAS", " atlas  ", "strasse"):
            refused = mara.post(place.workspaces, json={"name": name})
            assert error_of(refused) == (409, "workspace_exists")
        assert error_of(mara.patch(other, json={"name": "atlas"})) == (409, "workspace_exists")
        assert mara.patch(workspace, json={"name": "atlas"}).json()["name"] == "atlas"
        assert mara.patch(workspace, json={"name": "Globe"}).status_code == 200
        assert mara.patch(other, json={"name": "Atlas"}).status_code == 200
        assert mara.delete(workspace).status_code == 204
        place.add("globe")
    path = f"{ORGANIZATIONS}/{place.elsewhere}/workspaces"
    assert place.eve.client.post(path, json={"name": "Atlas"}).status_code == 201


def test_two_who_take_a_name_at_once_do_not_both_get_it(place: Place) -> None:
    place.deployment.aws_calls.meanwhile = lambda: place.add("Atlas", place.tom)
    refused = place.mara.client.post(place.workspaces, json={"name": "Atlas"})
    assert error_of(refused) == (409, "workspace_exists")
    assert [each["owner_username"] for each in place.ada.get(place.workspaces).json()] == ["tom"]


def test_no_change_undoes_another_unseen(place: Place) -> None:
    workspace = place.add()
    with place.mara.client as mara:
        old = {"If-Match": mara.get(workspace).headers["etag"]}
        changed = mara.patch(workspace, json={"instructions": "New."}, headers=old)
        assert changed.headers["etag"] == '"2"'
        for late in (
            mara.patch(workspace, json={"instructions": "Late."}, headers=old),
            mara.delete(workspace, headers=old),
        ):
            assert error_of(late) == (409, "workspace_changed")
        broken = mara.delete(workspace, headers={"If-Match": "2"})
        assert error_of(broken) == (400, "invalid_if_match")
        place.deployment.aws_calls.meanwhile = lambda: place.ada.client.patch(
            workspace, json={"instructions": "Ada's."}
        )
        raced = mara.patch(workspace, json={"instructions": "Mara's."})
        assert error_of(raced) == (409, "workspace_changed")
        assert mara.get(workspace).json()["instructions"] == "Ada's."
        new = {"If-Match": mara.get(workspace).headers["etag"]}
        assert mara.delete(workspace, headers=new).status_code == 204


def test_an_unnamed_change_changes_nothing(place: Place) -> None:
    workspace = place.add(instructions="Be brief.")
    before = place.mara.get(workspace)
    place.deployment.clock.advance(seconds=1)
    same = {"name": "Atlas", "instructions": "Be brief.", "default_mcp_server_ids": []}
    for body in ({}, dict.fromkeys(same), same):
        after = place.mara.client.patch(workspace, json=body)
        assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])
    emptied = place.mara.client.patch(workspace, json={"instructions": ""})
    assert emptied.json()["instructions"] == ""


def test_default_servers_are_those_that_its_maker_may_give_a_chat_there(place: Place) -> None:
    open_id = place.new_server("open")
    ours = place.new_server("ours", organization_ids=[place.id])
    refused_ids = {
        "disabled": place.new_server("off", enabled=False),
        "another organisation's": place.new_server("theirs", organization_ids=[place.elsewhere]),
        "for others": place.new_server("private"),
        "unknown": NOWHERE,
        "no id": "x",
    }
    with place.deployment.admin as admin:
        acl = f"{SERVERS}/{refused_ids['for others']}/acl"
        admin.patch(acl, json={"user_roles": {place.ada.id: "read"}, "group_roles": {place.id: ""}})
    workspace = place.add(default_mcp_server_ids=[ours, open_id.upper(), ours, open_id])
    assert place.mara.get(workspace).json()["default_mcp_server_ids"] == [ours, open_id]
    wanted = {"default_mcp_server_ids": [open_id, *refused_ids.values()]}
    for refused in (
        place.mara.client.post(place.workspaces, json={"name": "New", **wanted}),
        place.mara.client.patch(workspace, json=wanted),
    ):
        assert error_of(refused) == (400, "invalid_mcp_server_ids")
        assert refused.json()["detail"] == f"Invalid IDs: {', '.join(refused_ids.values())}"
        fields = {each["field"] for each in refused.json()["validations"]}
        assert fields == {"default_mcp_server_ids"}


def test_what_a_workspace_has_already_is_not_refused_and_deleted_servers_vanish(
    place: Place,
) -> None:
    kept, doomed = place.new_server("kept"), place.new_server("doomed")
    workspace = place.add(default_mcp_server_ids=[kept, doomed])
    with place.deployment.admin as admin:
        admin.patch(f"{SERVERS}/{kept}", json={"enabled": False}).raise_for_status()
        admin.delete(f"{SERVERS}/{doomed}").raise_for_status()
    assert place.mara.get(workspace).json()["default_mcp_server_ids"] == [kept]
    (listed,) = place.mara.get(place.workspaces).json()
    assert listed["default_mcp_server_ids"] == [kept]
    changed = place.mara.client.patch(
        workspace, json={"name": "New", "default_mcp_server_ids": [kept]}
    )
    assert changed.json()["default_mcp_server_ids"] == [kept]
    refused = place.mara.client.patch(workspace, json={"default_mcp_server_ids": [doomed]})
    assert error_of(refused) == (400, "invalid_mcp_server_ids")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": "x", "instructions": "x" * 10_001}, "instructions"),
        ({"name": "x", "instructions": 5}, "instructions"),
        ({"name": "x", "default_mcp_server_ids": "all"}, "default_mcp_server_ids"),
    ],
)
def test_what_is_wrong_is_named(place: Place, body: dict[str, Any], field: str) -> None:
    refused = place.mara.client.post(place.workspaces, json=body)
    assert error_of(refused)[0] == 400
    assert [each["field"] for each in refused.json()["validations"]] == [field]


def test_the_longest_name_and_instructions_fit(place: Place) -> None:
    # Three of the longest letters come of this one when names are compared.
    name, instructions = "\u0390" * 128, "\U0001f600" * 10_000
    workspace = place.add(name, instructions=instructions)
    seen = place.tom.get(workspace).json()
    assert (seen["name"], seen["instructions"]) == (name, instructions)


def test_many_workspaces_come_in_pages(place: Place) -> None:
    ids = sorted(place.add(f"w{number}").rpartition("/")[2] for number in range(5))
    got, after = [], ""
    for _ in range(3):
        page = place.tom.get(f"{place.workspaces}?limit=2&after_id={after}").json()
        got += [each["id"] for each in page]
        after = got[-1]
    assert got == ids
    assert place.tom.get(f"{place.workspaces}?after_id={after}").json() == []
    for query in ("limit=0", "limit=101", "after_id=x"):
        refused = place.tom.get(f"{place.workspaces}?{query}")
        assert error_of(refused) == (400, "invalid_page")


def test_a_deleted_organisation_takes_its_workspaces_along(place: Place) -> None:
    place.add(), place.add("Globe")
    assert len(place.items()) == 4
    with place.deployment.admin as admin:
        assert admin.delete(place.path).status_code == 204
    assert place.items() == []


def test_none_is_made_in_an_organisation_that_is_being_deleted(place: Place) -> None:
    place.deployment.aws_calls.meanwhile = lambda: place.deployment.admin.delete(place.path)
    refused = place.mara.client.post(place.workspaces, json={"name": "Late"})
    assert error_of(refused) == (404, "organization_not_found")
    assert place.items() == []


def test_none_is_made_by_who_leaves_or_is_suspended_meanwhile(place: Place) -> None:
    place.deployment.aws_calls.meanwhile = lambda: place.leave(place.mara)
    refused = place.mara.client.post(place.workspaces, json={"name": "Late"})
    assert error_of(refused) == (403, "not_a_member")
    suspend = f"{USERS}/{place.tom.id}/status/suspend"
    place.deployment.aws_calls.meanwhile = lambda: place.deployment.admin.put(suspend)
    refused = place.tom.client.post(place.workspaces, json={"name": "Late"})
    assert error_of(refused) == (401, "invalid_token")
    assert place.items() == []


def test_a_chats_token_is_good_for_them_and_a_users_token_is_not(place: Place) -> None:
    def token(scope: str) -> str:
        body = {"scopes": [scope], "token_name": scope}
        made = place.mara.client.post(f"{USERS}/me/keys/tokens", json=body)
        return str(made.raise_for_status().json()["key"])

    with place.deployment.client(token("chats")) as chats:
        assert chats.post(place.workspaces, json={"name": "Atlas"}).status_code == 201
    with place.deployment.client(token("users")) as users:
        assert error_of(users.get(place.workspaces)) == (403, "token_scope")


def test_the_audit_log_tells_of_them_to_the_organisations_admins(place: Place) -> None:
    workspace = place.add(instructions="Be brief.")
    place.deployment.clock.advance(seconds=1)
    place.ada.client.patch(workspace, json={"name": "Globe"})
    place.deployment.clock.advance(seconds=1)
    place.ada.client.delete(workspace)
    log = f"/api/v2/audit?organization_id={place.id}&object_type=workspace"
    events = place.ada.get(log).json()["events"]
    assert [(each["action"], each["actor_username"]) for each in events] == [
        ("delete", "ada"),
        ("update", "ada"),
        ("create", "mara"),
    ]
    assert events[1]["diff"] == {"name": {"old": "Atlas", "new": "Globe"}}
    assert events[0]["object_id"] == workspace.rpartition("/")[2]
