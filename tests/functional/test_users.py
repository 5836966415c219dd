"""People: listed, changed, suspended at once, removed with what they have."""

from datetime import timedelta

import httpx
import pytest

from chalicelib.audit import AuditRepository
from chalicelib.chats.repository import ChatRepository
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.storage import Database
from tests.support import aws
from tests.support.chats import offer_model
from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of
from tests.support.internet import Handler
from tests.support.journey import World
from tests.support.people import (
    ME,
    ORGANIZATIONS,
    USERS,
    Person,
    default_organization,
    join,
    new_person,
)
from tests.support.servers import NOWHERE, SERVERS

CHATS = "/api/experimental/chats"


def names(answer: httpx.Response) -> list[str]:
    return [user["username"] for user in answer.json()["users"]]


def storage_of(deployment: Deployment) -> tuple[Database, AuditRepository]:
    """Another container's way to the tables."""
    database = Database(deployment.settings.table_name, aws.REGION)
    return database, AuditRepository(database, deployment.clock, timedelta(days=1))


def start_chat(person: Person, organization_id: str) -> str:
    offer_model(person.deployment)
    body = {"organization_id": organization_id, "content": [{"type": "text", "text": "Hello"}]}
    answer = person.client.post(CHATS, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_an_owner_lists_the_users_page_by_page(deployment: Deployment) -> None:
    for name in ("zoe", "Bert", "anna", "mara"):
        new_person(deployment, name)
    with deployment.admin as admin:
        first = admin.get(USERS, params={"limit": 3})
        assert names(first) == ["admin", "anna", "Bert"]
        assert first.json()["has_more"]
        after = first.json()["users"][-1]["id"]
        second = admin.get(USERS, params={"limit": 3, "after_id": after})
        assert names(second) == ["mara", "zoe"]
        assert not second.json()["has_more"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "MARA"}, ["mara"]),
        ({"q": "example.com"}, ["mara", "zoe"]),
        ({"q": "schmidt"}, ["zoe"]),
        ({"q": "nobody"}, []),
        ({"status": "suspended"}, ["zoe"]),
        ({"status": "active"}, ["admin", "mara"]),
        ({"q": "example.com", "status": "active"}, ["mara"]),
        ({"status": "deleting"}, []),
    ],
)
def test_a_search_looks_at_names_and_addresses(
    deployment: Deployment, query: dict[str, str], expected: list[str]
) -> None:
    new_person(deployment, "mara")
    zoe = new_person(deployment, "zoe", name="Zoë Schmidt")
    with deployment.admin as admin:
        admin.put(f"{zoe.path}/status/suspend")
        assert names(admin.get(USERS, params=query)) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"after_id": "x"}, "after_id"),
        ({"after_id": NOWHERE}, "after_id"),
        ({"status": "asleep"}, "status"),
        ({"q": "x" * 129}, "q"),
    ],
)
def test_an_impossible_page_is_400_and_names_the_parameter(
    deployment: Deployment, query: dict[str, str], field: str
) -> None:
    answer = deployment.admin.get(USERS, params=query)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["validations"]] == [field]


def test_what_is_not_named_stays(deployment: Deployment) -> None:
    mara = new_person(deployment, name="Mara")
    with deployment.admin as admin:
        before = admin.get(mara.path).json()
        for body in ({}, {"name": None, "email": None, "username": None, "roles": None}):
            assert admin.patch(mara.path, json=body).json() == before
        changed = admin.patch(mara.path, json={"email": "m@example.org"}).json()
    assert changed["email"] == "m@example.org"
    assert (changed["name"], changed["username"]) == ("Mara", "mara")


def test_a_changed_address_is_free_for_somebody_else_and_the_new_one_is_not(
    deployment: Deployment,
) -> None:
    mara, eve = new_person(deployment), new_person(deployment, "eve")
    with deployment.admin as admin:
        taken = {"email": "EVE@example.com"}, {"username": "Eve"}
        for body in taken:
            assert error_of(admin.patch(mara.path, json=body)) == (409, "user_exists")
        freed = {"email": "eve@example.org", "username": "eva"}
        assert admin.patch(eve.path, json=freed).status_code == 200
        for body in taken:
            assert admin.patch(mara.path, json=body).status_code == 200
        assert names(admin.get(USERS)) == ["admin", "eva", "Eve"]


def test_everybody_changes_their_own_name_and_no_more(deployment: Deployment) -> None:
    mara, eve = new_person(deployment), new_person(deployment, "eve")
    with mara.client as client:
        assert client.patch(ME, json={"name": "Mara M."}).json()["name"] == "Mara M."
        for body in ({"roles": ["owner"]}, {"email": "x@example.com"}, {"username": "x"}):
            assert error_of(client.patch(ME, json=body)) == (403, "not_allowed")
        assert error_of(client.patch(eve.path, json={"name": "x"})) == (404, "user_not_found")


def test_new_roles_hold_from_the_next_request_on_with_every_token(deployment: Deployment) -> None:
    mara = new_person(deployment)
    browser = mara.sign_in()
    with deployment.admin as admin:
        assert mara.get(USERS).status_code == 403
        admin.patch(mara.path, json={"roles": ["owner"]}).raise_for_status()
        assert mara.get(USERS).status_code == browser.get(USERS).status_code == 200
        admin.patch(mara.path, json={"roles": []}).raise_for_status()
        assert mara.get(USERS).status_code == browser.get(USERS).status_code == 403


def test_suspended_means_out_at_once_with_every_token_and_session(world: World) -> None:
    """Also in the middle of connecting to a server."""
    server_id = world.register()["id"]
    mara = new_person(world.deployment)
    one = f"{SERVERS}/{server_id}"
    browser = mara.sign_in()
    with world.deployment.admin as admin:
        key = mara.client.post(f"{ME}/keys/tokens", json={}).json()["key"]
        callback = world.authorize(browser, server_id)
        suspended = admin.put(f"{mara.path}/status/suspend")
        assert suspended.json()["status"] == "suspended"
        world.internet.requests.clear()
        for client in (mara.client, world.deployment.client(key), browser):
            for path in (ME, SERVERS, f"{one}/tools", f"{one}/oauth2/connect", CHATS, callback):
                assert error_of(client.get(path)) == (401, "invalid_token"), path
        assert not world.internet.requests
        refused = world.deployment.client().post(f"{USERS}/login", json={"token": key})
        assert error_of(refused) == (401, "invalid_token")


def test_activated_means_that_programs_go_on_and_browsers_sign_in_anew(
    deployment: Deployment,
) -> None:
    mara = new_person(deployment)
    browser = mara.sign_in()
    used = deployment.clock()
    with deployment.admin as admin:
        admin.put(f"{mara.path}/status/suspend")
        (token,) = admin.get(f"{mara.path}/keys/tokens").json()
        assert token["last_used"] == used.isoformat().replace("+00:00", "Z")
        refused = admin.post(f"{mara.path}/keys/tokens", json={})
        assert error_of(refused) == (409, "user_suspended")
        active = admin.put(f"{mara.path}/status/activate")
        assert active.json()["status"] == "active"
    assert mara.get(ME).status_code == 200
    assert error_of(browser.get(ME)) == (401, "invalid_token")


def test_suspending_and_activating_twice_is_the_same_as_once(deployment: Deployment) -> None:
    mara = new_person(deployment)
    with deployment.admin as admin:
        for action in ("suspend", "activate"):
            once = admin.put(f"{mara.path}/status/{action}").json()
            deployment.clock.advance(seconds=5)
            assert admin.put(f"{mara.path}/status/{action}").json() == once


def test_a_token_that_expired_during_the_suspension_stays_so(deployment: Deployment) -> None:
    mara = new_person(deployment)
    with deployment.admin as admin:
        admin.put(f"{mara.path}/status/suspend")
        deployment.clock.advance(days=91)
        admin.put(f"{mara.path}/status/activate")
        assert admin.get(f"{mara.path}/keys/tokens").json() == []
    assert error_of(mara.get(ME)) == (401, "invalid_token")


@pytest.mark.parametrize("begin", ["make a token", "sign in"])
def test_a_token_made_while_the_user_is_being_suspended_is_refused(
    deployment: Deployment, begin: str
) -> None:
    """They were still active when the request began; its write states the account's version."""
    mara = new_person(deployment)
    suspend = f"{mara.path}/status/suspend"
    deployment.aws_calls.meanwhile = lambda: deployment.admin.put(suspend).raise_for_status()
    if begin == "sign in":
        refused = mara.client.post(f"{USERS}/login", json={"token": mara.token})
        assert error_of(refused) == (401, "invalid_token")
    else:
        refused = deployment.admin.post(f"{mara.path}/keys/tokens", json={})
        assert error_of(refused) == (409, "user_suspended")
    with deployment.admin as admin:
        assert [each["kind"] for each in admin.get(f"{mara.path}/keys/tokens").json()] == ["api"]


def test_what_two_admins_change_at_once_is_both_there(deployment: Deployment) -> None:
    mara = new_person(deployment)

    def rename() -> None:
        deployment.admin.patch(mara.path, json={"name": "Mara"}).raise_for_status()

    deployment.aws_calls.meanwhile = rename
    with deployment.admin as admin:
        changed = admin.patch(mara.path, json={"username": "maja"}).json()
    assert (changed["username"], changed["name"]) == ("maja", "Mara")


def test_of_two_owners_who_suspend_each_other_at_once_one_stays(deployment: Deployment) -> None:
    other = new_person(deployment, "other", roles=["owner"])
    me = deployment.admin.get(ME).json()["id"]
    other.get(ME)  # So that its first use is noted already.

    def be_quicker() -> None:
        other.client.put(f"{USERS}/{me}/status/suspend").raise_for_status()

    deployment.aws_calls.meanwhile = be_quicker
    refused = deployment.admin.put(f"{other.path}/status/suspend")
    assert error_of(refused) == (409, "last_owner")
    assert other.get(USERS).status_code == 200


def suspends_before_it_answers(world: World, person: Person, handler: Handler) -> Handler:
    def handle(request: httpx.Request) -> httpx.Response:
        world.deployment.admin.put(f"{person.path}/status/suspend").raise_for_status()
        return handler(request)

    return handle


def test_a_connection_is_not_kept_for_somebody_who_was_suspended_while_it_was_made(
    world: World,
) -> None:
    server_id = world.register()["id"]
    mara = new_person(world.deployment)
    provider = world.authorization_server
    browser = mara.sign_in()
    callback = world.authorize(browser, server_id)
    slow = suspends_before_it_answers(world, mara, provider.handle)
    world.internet.add_page(provider.endpoint("token"), slow)
    assert error_of(browser.get(callback)) == (401, "invalid_token")
    assert not provider.tokens  # What was granted and cannot be kept is revoked.
    world.deployment.admin.put(f"{mara.path}/status/activate")
    assert not mara.get(f"{SERVERS}/{server_id}").json()["auth_connected"]


@pytest.mark.parametrize("action", ["suspend", "delete", "demote"])
def test_the_last_active_owner_stays(deployment: Deployment, action: str) -> None:
    other = new_person(deployment, "other", roles=["owner"])

    def act(path: str) -> httpx.Response:
        with deployment.admin as admin:
            if action == "suspend":
                return admin.put(f"{path}/status/suspend")
            if action == "delete":
                return admin.delete(path)
            return admin.patch(path, json={"roles": ["member"]})

    me = deployment.admin.get(ME).json()["id"]
    assert act(other.path).status_code < 300
    refused = act(f"{USERS}/{me}")
    assert error_of(refused) == (409, "last_owner")
    assert "owner first" in refused.json()["message"]
    assert deployment.admin.get(USERS).status_code == 200


def test_of_two_owners_either_may_go(deployment: Deployment) -> None:
    other = new_person(deployment, "other", roles=["owner"])
    me = deployment.admin.get(ME).json()["id"]
    assert other.client.delete(f"{USERS}/{me}").status_code == 204
    assert error_of(other.client.delete(other.path)) == (409, "last_owner")


def owned_rows(user_id: str) -> dict[str, int]:
    """How many items name a user, table by table."""
    client, found = aws.client("dynamodb"), {}
    for table in ("identity", "organizations", "connections", "chats"):
        items = client.scan(TableName=f"ciborium-{aws.STAGE}-{table}")["Items"]
        found[table] = sum(user_id in str(item) for item in items)
    return found


def with_belongings(world: World) -> Person:
    """Somebody with a session, a membership, a connection and two chats."""
    server = world.register(availability="default_on")
    mara = new_person(world.deployment)
    organization_id = default_organization(world.deployment)
    join(world.deployment, organization_id, mara)
    assert world.connect(mara.sign_in(), server["id"]).status_code == 200
    start_chat(mara, organization_id)
    start_chat(mara, organization_id)
    assert all(owned_rows(mara.id).values())
    return mara


def test_a_deleted_user_goes_with_everything_that_they_had(world: World) -> None:
    mara = with_belongings(world)
    with world.deployment.admin as admin:
        assert admin.delete(mara.path).status_code == 204
        assert owned_rows(mara.id) == dict.fromkeys(owned_rows(mara.id), 0)
        assert not world.authorization_server.tokens  # Revoked at the provider.
        assert error_of(mara.get(ME)) == (401, "invalid_token")
        assert error_of(admin.get(mara.path)) == (404, "user_not_found")
        assert error_of(admin.delete(mara.path)) == (404, "user_not_found")
        assert names(admin.get(USERS)) == ["admin"]
        again = admin.post(USERS, json={"username": "mara", "email": "mara@example.com"})
        assert again.status_code == 201


@pytest.mark.parametrize("calls", range(14))
def test_an_interrupted_deletion_locks_out_and_hides_and_is_finished_by_repeating_it(
    world: World, calls: int
) -> None:
    """Whichever call to the database is the last that succeeds."""
    mara = with_belongings(world)
    with world.deployment.admin as admin:
        admin.get(ME)
        world.deployment.aws_calls.refuse_after = calls
        interrupted = admin.delete(mara.path)
        world.deployment.aws_calls.refuse_after = None
        assert error_of(interrupted) == (503, "storage_unavailable")
        if calls < 4:  # The token, the account, the account to be changed; then the mark.
            assert mara.get(ME).status_code == 200
        else:
            assert error_of(mara.get(ME)) == (401, "invalid_token")
            assert error_of(admin.get(mara.path)) == (404, "user_not_found")
            assert names(admin.get(USERS)) == ["admin"]
            assert names(admin.get(USERS, params={"status": "deleting"})) == ["mara"]
            body = {"username": "mara", "email": "mara@example.com"}
            assert admin.post(USERS, json=body).status_code == 201
        assert admin.delete(mara.path).status_code == 204
        assert owned_rows(mara.id) == dict.fromkeys(owned_rows(mara.id), 0)


def test_more_than_one_request_can_remove_is_removed_bit_by_bit(deployment: Deployment) -> None:
    mara = new_person(deployment)
    organization_id = default_organization(deployment)
    join(deployment, organization_id, mara)
    for _ in range(3):
        start_chat(mara, organization_id)
    database, audit = storage_of(deployment)
    identity = IdentityRepository(database, audit)
    organizations = OrganizationRepository(database, audit, identity)
    chats = ChatRepository(database, audit, identity, organizations)
    assert [chats.remove_owned(mara.id, 3) for _ in range(3)] == [False, True, True]
    assert owned_rows(mara.id)["chats"] == 0


def test_nobody_is_suspended_changed_or_deleted_by_a_wrong_id(deployment: Deployment) -> None:
    with deployment.admin as admin:
        for user in ("nobody", NOWHERE):
            path = f"{USERS}/{user}"
            for answer in (
                admin.patch(path, json={"name": "x"}),
                admin.put(f"{path}/status/suspend"),
                admin.put(f"{path}/status/activate"),
                admin.delete(path),
            ):
                assert error_of(answer) == (404, "user_not_found")


def test_the_first_owner_is_found_again_whatever_they_are_called_now(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        me = admin.patch(ME, json={"email": "boss@example.com", "username": "boss"}).json()
    assert deployment.services.identity.ensure_first_owner(ADMIN_TOKEN).id == me["id"]


def test_a_deleted_users_memberships_are_gone_from_their_organisations(
    deployment: Deployment,
) -> None:
    mara = new_person(deployment)
    organization_id = default_organization(deployment)
    join(deployment, organization_id, mara)
    with deployment.admin as admin:
        admin.delete(mara.path)
        members = admin.get(f"{ORGANIZATIONS}/{organization_id}/members").json()
    assert mara.id not in {each["user_id"] for each in members}
