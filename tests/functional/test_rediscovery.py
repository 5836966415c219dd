"""An admin has a server's discovery and registration run again."""

from typing import Any

import httpx
import pytest

from tests.support.authorization_server import AuthorizationServer
from tests.support.deployment import Deployment, error_of
from tests.support.internet import json_reply
from tests.support.journey import ISSUER, World
from tests.support.registration import Client
from tests.support.servers import MANUAL_OAUTH2, NOWHERE, SERVERS, create_server

NEW_ISSUER = "https://new-login.example"
METADATA = "https://tickets.example/.well-known/oauth-protected-resource/mcp"
BY_HAND = {
    "oauth2_client_id": "mine",
    "oauth2_auth_url": f"{ISSUER}/old-authorize",
    "oauth2_token_url": f"{ISSUER}/token",
    "oauth2_revocation_url": f"{ISSUER}/revoke",
}


def rediscover(world: World, server_id: str, **headers: str) -> httpx.Response:
    with world.deployment.admin as admin:
        return admin.post(f"{SERVERS}/{server_id}/rediscover", headers=headers)


def move(world: World, **knobs: Any) -> AuthorizationServer:
    new = world.add_authorization_server(NEW_ISSUER, **knobs)
    world.resource_server.servers = [new]
    return new


def connect_at_old_page(world: World, server_id: str) -> None:
    """The page that the admin entered is another than the server's metadata names."""
    with world.browser() as browser:
        started = browser.get(f"{SERVERS}/{server_id}/oauth2/connect").headers["location"]
        page = started.replace("/old-authorize", "/authorize")
        callback = world.authorization_server.authorize(page)
        assert browser.get(callback).status_code == 200


def show(world: World, server_id: str) -> dict[str, Any]:
    with world.deployment.admin as admin:
        shown: dict[str, Any] = admin.get(f"{SERVERS}/{server_id}").json()
        return shown


def test_a_server_that_has_moved_gets_a_client_where_it_is_now(world: World) -> None:
    world.authorization_server.manages_registrations = True
    server_id = world.connected()
    new = move(world)
    answer = rediscover(world, server_id)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')
    found = answer.json()
    assert (found["oauth2_issuer"], found["auth_connected"]) == (NEW_ISSUER, False)
    assert found["oauth2_token_url"] == f"{NEW_ISSUER}/token"
    assert found["oauth2_client_id"] in new.clients
    assert found == show(world, server_id)
    assert world.authorization_server.clients == {}, "the old registration is of no more use"
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")


def test_a_new_registration_at_the_same_place_voids_the_old_ones_connections(
    world: World,
) -> None:
    server_id = world.connected()
    before = show(world, server_id)
    after = rediscover(world, server_id).json()
    assert after["oauth2_client_id"] != before["oauth2_client_id"]
    assert not after["auth_connected"]


def test_a_client_entered_by_hand_stays_with_its_connections(world: World) -> None:
    created = world.register(**BY_HAND, oauth2_scopes="read")
    callback = created["oauth2_callback_url"]
    world.authorization_server.clients["mine"] = Client("mine", None, "none", [callback])
    connect_at_old_page(world, created["id"])
    answer = rediscover(world, created["id"]).json()
    assert (answer["oauth2_client_id"], answer["auth_connected"]) == ("mine", True)
    assert answer["oauth2_auth_url"] == f"{ISSUER}/authorize", "discovery knows better"
    assert answer["oauth2_scopes"] == "read", "the admin chose them"
    assert world.authorization_server.registrations == []
    assert world.list_tools(created["id"]).status_code == 200


def test_a_client_that_is_our_document_stays_with_its_connections(world: World) -> None:
    def read(url: str) -> dict[str, Any]:
        with world.deployment.client() as anybody:
            document: dict[str, Any] = anybody.get(url).raise_for_status().json()
        return document

    world.authorization_server.read_document = read
    server_id = world.connected()
    assert rediscover(world, server_id).json()["auth_connected"]
    assert world.list_tools(server_id).status_code == 200


def test_a_pinned_issuer_stays(world: World) -> None:
    server_id = world.register(oauth2_client_id="mine", oauth2_issuer=ISSUER)["id"]
    move(world)
    refused = rediscover(world, server_id)
    assert refused.status_code == 400
    assert show(world, server_id)["oauth2_issuer"] == ISSUER


def test_a_secret_entered_by_hand_is_taken_to_no_other_host(world: World) -> None:
    """Otherwise whoever runs the MCP server could have it sent to them."""
    server_id = world.register(oauth2_client_secret="sentinel", **BY_HAND)["id"]
    before = show(world, server_id)
    move(world)
    refused = rediscover(world, server_id)
    assert error_of(refused) == (400, "invalid_mcp_server")
    assert [each["field"] for each in refused.json()["validations"]] == ["oauth2_client_secret"]
    assert show(world, server_id) == before


FAILURES = {
    "the server's metadata": (METADATA, httpx.Response(404), "oauth2_discovery_failed"),
    "the authorization server's metadata": (
        f"{ISSUER}/.well-known/oauth-authorization-server",
        httpx.Response(500),
        "oauth2_discovery_failed",
    ),
    "registration": (
        f"{ISSUER}/register",
        json_reply(403, {"error": "access_denied"}),
        "oauth2_registration_failed",
    ),
}


@pytest.mark.parametrize("step", FAILURES)
def test_a_failure_says_which_step_it_was_and_changes_nothing(world: World, step: str) -> None:
    url, page, code = FAILURES[step]
    server_id = world.connected()
    before = show(world, server_id)
    world.internet.add_page(url, page)
    refused = rediscover(world, server_id)
    assert error_of(refused) == (400, code)
    assert url in refused.json()["message"]
    assert show(world, server_id) == before
    assert before["auth_connected"]


def test_a_registration_that_came_too_late_is_given_back(world: World) -> None:
    world.authorization_server.manages_registrations = True
    server_id = world.register()["id"]
    (first,) = world.authorization_server.clients

    def change_meanwhile(request: httpx.Request) -> httpx.Response:
        world.internet.forget_page(METADATA)
        with world.deployment.admin as admin:
            admin.patch(f"{SERVERS}/{server_id}", json={"description": "Quicker"})
        return world.resource_server.handle(request)

    world.internet.add_page(METADATA, change_meanwhile)
    assert error_of(rediscover(world, server_id)) == (409, "mcp_server_changed")
    assert list(world.authorization_server.clients) == [first]
    assert show(world, server_id)["description"] == "Quicker"


def test_only_the_version_that_is_named_is_discovered_again(world: World) -> None:
    server_id = world.register()["id"]
    world.internet.requests.clear()
    refused = rediscover(world, server_id, **{"If-Match": '"1"'})
    assert error_of(refused) == (409, "mcp_server_changed")
    assert world.internet.requests == []
    assert rediscover(world, server_id, **{"If-Match": '"2"'}).status_code == 200


def test_a_server_without_oauth2_has_nothing_to_discover(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}/rediscover"
        assert error_of(admin.post(path)) == (400, "mcp_server_not_oauth2")


def test_members_discover_nothing_and_unknown_servers_are_not_found(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        created = create_server(admin, enabled=True, **MANUAL_OAUTH2)
        refused = mara.post(f"{SERVERS}/{created['id']}/rediscover")
        assert error_of(refused) == (403, "not_allowed")
        unknown = admin.post(f"{SERVERS}/{NOWHERE}/rediscover")
        assert error_of(unknown) == (404, "mcp_server_not_found")
        assert error_of(admin.post(f"{SERVERS}/garbage/rediscover")) == (
            400,
            "invalid_mcp_server_id",
        )
