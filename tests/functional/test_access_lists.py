"""Which organisations a server is for, and who of their members: changing it, and what follows."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from chalicelib.audit import NO_REQUEST, Action, ObjectType
from chalicelib.mcp_servers.models import AccessList
from tests.support.chats import offer_model
from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of
from tests.support.journey import World
from tests.support.people import ME, ORGANIZATIONS, Person, default_organization, join, new_person
from tests.support.servers import NOWHERE, SERVERS, create_server, server_body

CHATS = "/api/experimental/chats"
NOT_THERE = (404, "mcp_server_not_found")


def new_organization(deployment: Deployment, name: str = "research") -> str:
    with deployment.admin as admin:
        created = admin.post(ORGANIZATIONS, json={"name": name}).raise_for_status()
    return str(created.json()["id"])


def new_server(deployment: Deployment, **changes: Any) -> str:
    with deployment.admin as admin:
        return str(create_server(admin, enabled=True, **changes)["id"])


def grant(
    deployment: Deployment,
    server_id: str,
    users: dict[str, str] | None = None,
    groups: dict[str, str] | None = None,
) -> httpx.Response:
    body = {"user_roles": users or {}, "group_roles": groups or {}}
    with deployment.admin as admin:
        return admin.patch(f"{SERVERS}/{server_id}/acl", json=body)


def listed(deployment: Deployment, server_id: str) -> tuple[list[str], list[str]]:
    """The user names and the ids of the groups on a server's list."""
    with deployment.admin as admin:
        found = admin.get(f"{SERVERS}/{server_id}/acl").raise_for_status().json()
    assert {each["role"] for each in (*found["users"], *found["groups"])} <= {"read"}
    return [each["username"] for each in found["users"]], [each["id"] for each in found["groups"]]


def status(person: Person, server_id: str) -> int:
    return person.get(f"{SERVERS}/{server_id}").status_code


# Organisations


def test_a_server_of_one_organisation_is_not_there_for_others(deployment: Deployment) -> None:
    ours, theirs = new_organization(deployment, "ours"), new_organization(deployment, "theirs")
    mara, eve = new_person(deployment, "mara"), new_person(deployment, "eve")
    join(deployment, ours, mara)
    join(deployment, theirs, eve)
    server_id = new_server(deployment, organization_ids=[ours])
    assert (status(mara, server_id), status(eve, server_id)) == (200, 404)
    with deployment.admin as admin:
        moved = admin.patch(f"{SERVERS}/{server_id}", json={"organization_ids": [theirs]})
        assert moved.json()["organization_ids"] == [theirs]
        assert (status(mara, server_id), status(eve, server_id)) == (404, 200)
        admin.patch(f"{SERVERS}/{server_id}", json={"organization_ids": None})
        assert status(mara, server_id) == 404
        admin.patch(f"{SERVERS}/{server_id}", json={"organization_ids": []})
    assert (status(mara, server_id), status(eve, server_id)) == (200, 200)


def test_a_member_learns_only_of_their_own_organisations(deployment: Deployment) -> None:
    ours, theirs = new_organization(deployment, "ours"), new_organization(deployment, "theirs")
    mara = new_person(deployment, "mara")
    join(deployment, ours, mara)
    server_id = new_server(deployment, organization_ids=[ours, theirs, ours.upper()])
    assert mara.get(f"{SERVERS}/{server_id}").json()["organization_ids"] == [ours]
    assert theirs not in mara.get(SERVERS).text
    with deployment.admin as admin:
        whole = admin.get(f"{SERVERS}/{server_id}").json()
    assert whole["organization_ids"] == [ours, theirs]


@pytest.mark.parametrize(
    ("organization_ids", "code"),
    [
        ([NOWHERE], "invalid_mcp_server"),
        (["garbage"], "invalid_body"),
        ([7], "invalid_body"),
        ("all", "invalid_body"),
        ([f"00000000-0000-4000-8000-{n:012}" for n in range(101)], "invalid_body"),
    ],
    ids=["unknown", "no id", "a number", "a text", "too many"],
)
def test_an_impossible_organisation_is_400_and_named(
    deployment: Deployment, organization_ids: object, code: str
) -> None:
    server_id = new_server(deployment)
    with deployment.admin as admin:
        for refused in (
            admin.patch(f"{SERVERS}/{server_id}", json={"organization_ids": organization_ids}),
            admin.post(SERVERS, json=server_body(organization_ids=organization_ids)),
        ):
            assert error_of(refused) == (400, code)
            assert refused.json()["validations"][0]["field"].startswith("organization_ids")
        assert [each["id"] for each in admin.get(SERVERS).json()] == [server_id]
        assert admin.get(f"{SERVERS}/{server_id}").json()["organization_ids"] == []


# Access lists


def test_a_new_server_is_for_everyone_in_its_organisations(deployment: Deployment) -> None:
    default, research = default_organization(deployment), new_organization(deployment)
    anywhere = new_server(deployment, slug="anywhere")
    there = new_server(deployment, slug="there", organization_ids=[research])
    assert listed(deployment, anywhere) == ([], [default, research])
    assert listed(deployment, there) == ([], [research])
    later = new_organization(deployment, "zoology")
    assert listed(deployment, anywhere) == ([], [default, research, later])
    with deployment.admin as admin:
        groups = admin.get(f"{SERVERS}/{there}/acl").json()["groups"]
    assert groups == [
        {
            "id": research,
            "name": "everyone",
            "display_name": "Everyone",
            "organization_id": research,
            "organization_name": "research",
            "role": "read",
        }
    ]


def test_only_who_is_on_the_list_sees_a_server(deployment: Deployment) -> None:
    research = new_organization(deployment)
    mara, eve = new_person(deployment, "mara"), new_person(deployment, "eve")
    join(deployment, research, mara)
    join(deployment, research, eve)
    server_id = new_server(deployment, organization_ids=[research])
    changed = grant(deployment, server_id, {mara.id.upper(): "read"}, {research: ""})
    assert (changed.status_code, changed.text) == (204, "")
    assert listed(deployment, server_id) == (["mara"], [])
    assert (status(mara, server_id), status(eve, server_id)) == (200, 404)
    assert [len(each.get(SERVERS).json()) for each in (mara, eve)] == [1, 0]


def test_entries_that_are_not_named_stay(deployment: Deployment) -> None:
    research = new_organization(deployment)
    mara, eve = new_person(deployment, "mara"), new_person(deployment, "eve")
    join(deployment, research, mara)
    join(deployment, research, eve)
    server_id = new_server(deployment, organization_ids=[research])
    grant(deployment, server_id, {mara.id: "read"}, {research: ""})
    grant(deployment, server_id, {eve.id: "read"})
    assert listed(deployment, server_id) == (["eve", "mara"], [])
    grant(deployment, server_id, {mara.id: "", NOWHERE: ""})
    assert listed(deployment, server_id) == (["eve"], [])
    with deployment.admin as admin:
        unchanging: tuple[dict[str, Any], ...] = (
            {},
            {"user_roles": None},
            {"user_roles": {}, "group_roles": {}},
        )
        for body in unchanging:
            assert admin.patch(f"{SERVERS}/{server_id}/acl", json=body).status_code == 204
    assert listed(deployment, server_id) == (["eve"], [])
    assert (status(mara, server_id), status(eve, server_id)) == (404, 200)


def test_a_list_does_not_open_to_organisations_that_come_later(deployment: Deployment) -> None:
    mara, eve = new_person(deployment, "mara"), new_person(deployment, "eve")
    join(deployment, default_organization(deployment), mara)
    server_id = new_server(deployment)
    grant(deployment, server_id, {mara.id: "read"}, {default_organization(deployment): ""})
    later = new_organization(deployment, "later")
    join(deployment, later, eve)
    assert (status(mara, server_id), status(eve, server_id)) == (200, 404)
    grant(deployment, server_id, groups={later: "read"})
    assert status(eve, server_id) == 200
    noa = new_person(deployment, "noa")
    join(deployment, default_organization(deployment), noa)
    assert status(noa, server_id) == 404


def test_a_list_of_just_everyone_is_the_default_again(deployment: Deployment) -> None:
    default, mara = default_organization(deployment), new_person(deployment, "mara")
    server_id = new_server(deployment)
    assert status(mara, server_id) == 200
    grant(deployment, server_id, groups={default: ""})
    assert (listed(deployment, server_id), status(mara, server_id)) == (([], []), 404)
    grant(deployment, server_id, groups={default: "read"})
    later = new_organization(deployment, "later")
    assert listed(deployment, server_id) == ([], [default, later])
    assert status(mara, server_id) == 200


def test_an_entry_counts_only_in_the_servers_organisations(deployment: Deployment) -> None:
    ours, theirs = new_organization(deployment, "ours"), new_organization(deployment, "theirs")
    mara = new_person(deployment, "mara")
    join(deployment, ours, mara)
    server_id = new_server(deployment, organization_ids=[ours])
    grant(deployment, server_id, {mara.id: "read"}, {ours: ""})
    with deployment.admin as admin:
        admin.patch(f"{SERVERS}/{server_id}", json={"organization_ids": [theirs]})
    assert status(mara, server_id) == 404


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"user_roles": {"garbage": "read"}}, "user_roles", "invalid_body"),
        ({"group_roles": {"": "read"}}, "group_roles", "invalid_body"),
        (
            {"user_roles": {"{eve}": "read", "{EVE}": "read"}},
            "user_roles",
            "invalid_body",
        ),
        ({"user_roles": {"{eve}": "admin"}}, "user_roles.{eve}", "invalid_body"),
        ({"user_roles": {"{eve}": None}}, "user_roles.{eve}", "invalid_body"),
        ({"user_roles": ["{eve}"]}, "user_roles", "invalid_body"),
        ({"user_roles": {"{eve}": "read"}}, "user_roles.{eve}", "invalid_mcp_server_acl"),
        ({"user_roles": {NOWHERE: "read"}}, f"user_roles.{NOWHERE}", "invalid_mcp_server_acl"),
        (
            {"group_roles": {"{theirs}": "read"}},
            "group_roles.{theirs}",
            "invalid_mcp_server_acl",
        ),
        ({"group_roles": {NOWHERE: "read"}}, f"group_roles.{NOWHERE}", "invalid_mcp_server_acl"),
    ],
    ids=[
        *("no id", "an empty id", "an id twice", "an unknown role", "no role", "a list"),
        *("no member", "nobody", "another organisation's group", "no group"),
    ],
)
def test_a_bad_entry_is_400_and_named(
    deployment: Deployment, body: dict[str, Any], field: str, code: str
) -> None:
    ours, theirs = new_organization(deployment, "ours"), new_organization(deployment, "theirs")
    eve = new_person(deployment, "eve")
    join(deployment, theirs, eve)
    server_id = new_server(deployment, organization_ids=[ours])
    names = {"{eve}": eve.id, "{EVE}": eve.id.upper(), "{theirs}": theirs}

    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    filled = {
        name: {fill(id_): role for id_, role in roles.items()}
        if isinstance(roles, dict)
        else [fill(each) for each in roles]
        for name, roles in body.items()
    }
    with deployment.admin as admin:
        refused = admin.patch(f"{SERVERS}/{server_id}/acl", json=filled)
        assert error_of(refused) == (400, code)
        assert refused.json()["validations"][0]["field"] == fill(field)
    assert listed(deployment, server_id) == ([], [ours])


def test_candidates_are_members_and_groups_with_what_they_have(deployment: Deployment) -> None:
    ours, theirs = new_organization(deployment, "ours"), new_organization(deployment, "theirs")
    people = [new_person(deployment, f"p-{number}", name=f"Nr {number}") for number in range(4)]
    for person in people[:3]:
        join(deployment, ours, person)
    join(deployment, theirs, people[3])
    server_id = new_server(deployment, organization_ids=[ours])
    grant(deployment, server_id, {people[0].id: "read"}, {ours: ""})
    path = f"{SERVERS}/{server_id}/acl/available"
    with deployment.admin as admin:
        me = admin.get(ME).json()["id"]

        def users(**query: Any) -> dict[str, str]:
            found = admin.get(path, params=query).raise_for_status().json()["users"]
            return {each["id"]: each["role"] for each in found}

        assert users() == {me: "", people[0].id: "read", people[1].id: "", people[2].id: ""}
        assert users(q="P-1") == users(q="nr 1") == users(q="p-1@EXAMPLE") == {people[1].id: ""}
        assert users(q="nobody") == {}
        pages = [users(limit=2, offset=offset) for offset in (0, 2, 4)]
        assert [len(page) for page in pages] == [2, 2, 0]
        assert pages[0] | pages[1] == users()
        groups = admin.get(path).json()["groups"]
        assert [(each["id"], each["role"]) for each in groups] == [(ours, "")]
        for query in ({"limit": "0"}, {"limit": "101"}, {"q": "x" * 129}, {"offset": "-1"}):
            refused = admin.get(path, params=query)
            assert refused.status_code == 400
            assert refused.json()["validations"][0]["field"] == next(iter(query))


def test_somebody_in_two_organisations_is_one_candidate(deployment: Deployment) -> None:
    mara = new_person(deployment, "mara")
    for name in ("ours", "theirs"):
        join(deployment, new_organization(deployment, name), mara)
    server_id = new_server(deployment)
    with deployment.admin as admin:
        found = admin.get(f"{SERVERS}/{server_id}/acl/available", params={"q": "mara"}).json()
    assert [each["username"] for each in found["users"]] == ["mara"]


def test_a_request_and_a_list_have_an_end(deployment: Deployment) -> None:
    server_id = new_server(deployment)
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(501)]
    refused = grant(deployment, server_id, dict.fromkeys(ids[:101], ""))
    assert error_of(refused) == (400, "invalid_body")
    repository = deployment.services.access_lists._repository
    server = repository.find(server_id)
    assert server is not None
    full = replace(server, access_list=AccessList(frozenset(ids[:500])), version=2)
    admin = deployment.services.identity.authenticate(ADMIN_TOKEN, NO_REQUEST)
    event = admin.did(Action.UPDATE, ObjectType.MCP_SERVER, server.id, {})
    repository.replace(server, full, event)
    refused = grant(deployment, server_id, {ids[500]: "read"})
    assert error_of(refused) == (400, "invalid_mcp_server_acl")
    assert "500" in refused.json()["message"]
    assert grant(deployment, server_id, {ids[0]: ""}).status_code == 204


def test_the_audit_log_tells_everyone_from_nobody(deployment: Deployment) -> None:
    research = new_organization(deployment)
    server_id = new_server(deployment, organization_ids=[research])
    with deployment.admin as admin:
        for role, expected in (("", {"new": "list"}), ("read", {"old": "list"})):
            deployment.clock.advance(seconds=1)
            assert grant(deployment, server_id, groups={research: role}).status_code == 204
            events = admin.get("/api/v2/audit", params={"object_id": server_id}).json()["events"]
            assert (events[0]["action"], events[0]["diff"]) == ("update", {"acl": expected})


# What follows


def test_whoever_loses_access_keeps_neither_tools_nor_a_way_back(world: World) -> None:
    deployment = world.deployment
    research, mara = new_organization(deployment), new_person(deployment, "mara")
    join(deployment, research, mara)
    server_id = world.register(organization_ids=[research])["id"]
    world.connect_as(mara.token, server_id)
    with mara.client as client:
        started = client.get(f"{SERVERS}/{server_id}/oauth2/connect")
        back = world.authorization_server.authorize(started.headers["location"])
        assert client.get(f"{SERVERS}/{server_id}/tools").status_code == 200
        grant(deployment, server_id, groups={research: ""})
        world.internet.requests.clear()
        for path in ("", "/tools", "/tools?refresh=true", "/oauth2/connect"):
            assert error_of(client.get(f"{SERVERS}/{server_id}{path}")) == NOT_THERE
        call = client.post(f"{SERVERS}/{server_id}/tools/call", json={"name": "search"})
        assert error_of(call) == NOT_THERE
        many = client.get("/api/experimental/mcp/tools", params={"server_ids": server_id})
        assert error_of(many) == NOT_THERE
        assert client.get("/api/experimental/mcp/tools").json() == {"servers": []}
        assert error_of(client.get(back)) == NOT_THERE
        assert world.internet.requests == []
        gone = client.delete(f"{SERVERS}/{server_id}/oauth2/disconnect")
    assert (gone.status_code, gone.json()) == (200, {"token_revoked": True})


def test_whoever_gets_access_again_is_still_connected(world: World) -> None:
    deployment = world.deployment
    research, mara = new_organization(deployment), new_person(deployment, "mara")
    join(deployment, research, mara)
    server_id = world.register(organization_ids=[research])["id"]
    world.connect_as(mara.token, server_id)
    grant(deployment, server_id, groups={research: ""})
    grant(deployment, server_id, users={mara.id: "read"})
    assert world.list_tools(server_id, mara.token).status_code == 200


def test_the_answer_tells_a_hidden_server_and_none_apart_in_nothing(
    deployment: Deployment,
) -> None:
    research, mara = new_organization(deployment), new_person(deployment, "mara")
    hidden = new_server(deployment, organization_ids=[research])

    def answer(method: str, server_id: str, path: str) -> str:
        with mara.client as client:
            response = client.request(method, f"{SERVERS}/{server_id}{path}", json={"name": "x"})
        body = response.json()
        body.pop("request_id", None)
        return f"{response.status_code} {body}"

    for method, path in (
        *(("GET", path) for path in ("", "/tools", "/acl", "/acl/available", "/oauth2/connect")),
        *(("GET", "/tools/approvals"), ("GET", "/tools?diagnose=true")),
        *(("GET", "/oauth2/callback?code=x&state=y"), ("DELETE", ""), ("PATCH", "")),
        *(("PATCH", "/acl"), ("POST", "/tools/call"), ("DELETE", "/oauth2/disconnect")),
    ):
        assert answer(method, hidden, path) == answer(method, NOWHERE, path)


def test_a_chat_gets_only_servers_of_its_organisation(deployment: Deployment) -> None:
    ours, theirs = new_organization(deployment, "ours"), new_organization(deployment, "theirs")
    mara = new_person(deployment, "mara")
    join(deployment, ours, mara)
    join(deployment, theirs, mara)
    offer_model(deployment)
    ids = {
        slug: new_server(deployment, slug=slug, availability=availability, organization_ids=where)
        for slug, availability, where in (
            ("on-here", "default_on", [ours]),
            ("on-there", "default_on", [theirs]),
            ("forced-here", "force_on", [ours]),
            ("forced-there", "force_on", [theirs]),
            ("forced", "force_on", []),
            ("kept-from-her", "force_on", [ours]),
        )
    }
    grant(deployment, ids["kept-from-her"], groups={ours: ""})
    here = {"organization_id": ours, "content": [{"type": "text", "text": "Hello"}]}
    with mara.client as client:
        chat = client.post(CHATS, json=here).json()
        assert set(chat["mcp_server_ids"]) == {
            ids[slug] for slug in ("on-here", "forced-here", "forced")
        }
        wanted = [ids["on-here"], ids["on-there"], ids["on-there"], ids["kept-from-her"]]
        refused = client.post(CHATS, json={**here, "mcp_server_ids": wanted})
    assert error_of(refused) == (400, "invalid_mcp_server_ids")
    assert [each["detail"].split()[0] for each in refused.json()["validations"]] == [
        ids["on-there"],
        ids["kept-from-her"],
    ]


def test_a_role_does_not_give_a_chat_another_organisations_server(deployment: Deployment) -> None:
    theirs = new_organization(deployment, "theirs")
    server_id = new_server(deployment, organization_ids=[theirs])
    offer_model(deployment)
    body = {
        "organization_id": default_organization(deployment),
        "content": [{"type": "text", "text": "Hello"}],
        "mcp_server_ids": [server_id],
    }
    with deployment.admin as admin:
        assert error_of(admin.post(CHATS, json=body)) == (400, "invalid_mcp_server_ids")


def test_a_chat_keeps_a_server_that_its_owner_has_lost(deployment: Deployment) -> None:
    ours, mara = new_organization(deployment, "ours"), new_person(deployment, "mara")
    join(deployment, ours, mara)
    server_id = new_server(deployment, organization_ids=[ours])
    offer_model(deployment)
    body = {
        "organization_id": ours,
        "content": [{"type": "text", "text": "Hello"}],
        "mcp_server_ids": [server_id],
    }
    with mara.client as client:
        chat = client.post(CHATS, json=body).json()
        grant(deployment, server_id, groups={ours: ""})
        assert client.get(f"{CHATS}/{chat['id']}").json()["mcp_server_ids"] == [server_id]
        assert error_of(client.post(CHATS, json=body)) == (400, "invalid_mcp_server_ids")
