"""A person is suspended everywhere at once, and what they connected is taken away if wanted."""

import httpx
import pytest

from tests.support.deployment import error_of
from tests.support.people import Person, default_organization, join, new_person
from tests.support.sealed import Office
from tests.support.servers import SERVERS
from tests.support.sockets import connecting
from tests.support.tables import table_items
from tests.support.turns import Talk

REVOKE_URL = "https://login.example/revoke"


@pytest.fixture
def mara(talk: Talk) -> Person:
    """Somebody who talks."""
    deployment = talk.world.deployment
    person = new_person(deployment)
    join(deployment, default_organization(deployment), person)
    talk.token = person.token
    return person


def suspend(person: Person) -> None:
    with person.deployment.admin as admin:
        admin.put(f"{person.path}/status/suspend").raise_for_status()


def activate(person: Person) -> None:
    with person.deployment.admin as admin:
        admin.put(f"{person.path}/status/activate").raise_for_status()


def test_the_step_under_way_is_the_last_one(talk: Talk, mara: Person) -> None:
    server_id = talk.world.register()["id"]
    talk.world.connect_as(mara.token, server_id)
    chat_id = talk.start('use search {"q": "open"}', mcp_server_ids=[server_id])
    talk.meanwhile.append(lambda: suspend(mara))
    turns = talk.world.deployment.services.turns
    turns.handle(chat_id)
    asked = len(talk.model.requests)
    for _ in range(3):
        turns.handle(chat_id)
    assert len(talk.model.requests) == asked
    requests = talk.world.internet.requests
    assert not [each for each in requests if b"tools/call" in each.content]
    assert talk.client.get("/api/v2/users/me").status_code == 401
    activate(mara)
    chat = talk.chat(chat_id)
    assert chat["status"] == "error"
    assert chat["last_error"]["kind"] == "not_allowed"


def test_a_ticket_from_before_opens_no_socket(talk: Talk, mara: Person) -> None:
    deployment = talk.world.deployment
    chat_id = talk.start("Hello")
    ticket = talk.post(chat_id, "stream-tickets").raise_for_status().json()["ticket"]
    suspend(mara)
    assert deployment.attend(connecting("c1=", chat_id, ticket=ticket)) == 403
    assert deployment.attend(connecting("c2=", chat_id, mara.token)) == 403


def test_what_they_connected_waits_for_them(office: Office) -> None:
    connections = table_items("connections")
    suspend(office.mara)
    assert table_items("connections") == connections
    activate(office.mara)
    office.require_everything_opens()


def test_what_they_connected_is_forgotten_and_revoked_on_demand(office: Office) -> None:
    provider = office.world.authorization_server
    assert provider.tokens
    suspend(office.mara)
    ran = office.run("disconnect", "mara")
    assert ran.code == 0, ran.err
    assert ran.out == (
        "2 connections of mara are forgotten, 1 revoked at their providers, 0 not confirmed.\n"
    )
    assert not table_items("connections")
    assert not provider.tokens
    with office.deployment.admin as admin:
        events = admin.get("/api/v2/audit?action=disconnect").json()["events"]
    assert len(events) == 2
    assert {each["actor_username"] for each in events} == {"operator"}
    assert {each["diff"]["user_id"]["old"] for each in events} == {office.mara.id}
    again = office.run("disconnect", office.mara.id, "--json")
    assert again.json == {
        "user_id": office.mara.id,
        "forgotten": [],
        "revoked": 0,
        "problems": {},
    }


def test_a_provider_that_does_not_confirm_is_named(office: Office) -> None:
    office.world.internet.add_page(REVOKE_URL, lambda _: httpx.Response(503))
    ran = office.run("disconnect", "mara")
    assert ran.code == 1
    assert "2 connections of mara are forgotten, 0 revoked at their providers, 1 not" in ran.out
    assert f"server {office.tickets}: The provider did not confirm." in ran.out
    assert not table_items("connections")


def test_nobody_by_that_name_is_said(office: Office) -> None:
    for name in ("mar", "nobody", "00000000-0000-4000-8000-000000000000"):
        ran = office.run("disconnect", name)
        assert (ran.code, "user_not_found" in ran.err) == (1, True)
    assert len(table_items("connections")) == 2


def test_somebody_whose_name_is_part_of_many_others_is_found(office: Office) -> None:
    with office.deployment.admin as admin:
        for number in range(101):
            name = f"a{number:03}mara"
            body = {"email": f"{name}@example.com", "username": name}
            admin.post("/api/v2/users", json=body).raise_for_status()
    ran = office.run("disconnect", "Mara")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("2 connections of mara are forgotten")


def test_they_disconnect_by_themselves_also_without_the_keys(office: Office) -> None:
    scope = f"organization:{office.organization_id}"
    office.run("keys", "destroy", scope, "--confirm", scope)
    with office.another_container().client(office.mara.token) as mara:
        left = mara.delete(f"{SERVERS}/{office.tickets}/oauth2/disconnect")
        assert left.status_code == 200
        assert not left.json()["token_revoked"]
    assert error_of(office.world.list_tools(office.tickets, office.mara.token)) == (
        409,
        "connect_required",
    )
