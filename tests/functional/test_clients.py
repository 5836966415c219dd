"""How authorization servers come to know our client, and how they get rid of it."""

from typing import Any

import httpx
import pytest

from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL, error_of, start_deployment
from tests.support.internet import form_of
from tests.support.journey import ISSUER, MCP_URL, World, start_world
from tests.support.servers import NOWHERE, SERVERS, create_server, server_body

BODY = server_body(auth_type="oauth2", enabled=True, url=MCP_URL)
PRE_REGISTERED = {
    "oauth2_client_id": "mine",
    "oauth2_client_secret": "sentinel-client-secret",
    "oauth2_issuer": ISSUER,
}


def document_url(server_id: str) -> str:
    return f"{PUBLIC_URL}{SERVERS}/{server_id}/oauth2/client-metadata.json"


def read_documents(world: World) -> None:
    """Let the authorization server read client metadata documents, ours over our own API."""

    def read(url: str) -> dict[str, Any]:
        with world.deployment.client() as anybody:
            document: dict[str, Any] = anybody.get(url).raise_for_status().json()
        return document

    world.authorization_server.read_document = read


def deploy(world: World, setting: str, public_url: str = PUBLIC_URL) -> None:
    """Start the deployment anew with another place for our client metadata document."""
    world.deployment = start_deployment(
        world.internet, public_url=public_url, CIBORIUM_CLIENT_METADATA_URL=setting
    )
    world.authorization_server.clock = world.deployment.clock


def token_requests(world: World) -> list[dict[str, str]]:
    return [form_of(each) for each in world.internet.requests if each.url.path == "/token"]


@pytest.mark.rule(14, 15, 16, 26)
def test_a_server_that_reads_client_metadata_documents_reads_ours_and_registers_nobody(
    world: World,
) -> None:
    read_documents(world)
    created = world.register()
    assert created["oauth2_client_id"] == document_url(created["id"])
    assert not created["has_oauth2_secret"]
    world.connect_as(ADMIN_TOKEN, created["id"])
    assert world.list_tools(created["id"]).status_code == 200
    assert world.authorization_server.registrations == []
    (form,) = token_requests(world)
    assert form["client_id"] == document_url(created["id"])
    assert "client_secret" not in form


@pytest.mark.rule(17, 45)
def test_the_document_has_the_url_that_it_is_read_at_as_its_client_id(world: World) -> None:
    created = world.register()
    with world.deployment.client() as anybody:
        answer = anybody.get(document_url(created["id"]))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.json() == {
        "client_id": document_url(created["id"]),
        "client_name": "Ciborium",
        "client_uri": PUBLIC_URL,
        "redirect_uris": [created["oauth2_callback_url"]],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


@pytest.mark.rule(17)
def test_there_is_a_document_only_for_a_server_with_oauth2(world: World) -> None:
    with world.deployment.admin as admin:
        plain = create_server(admin, slug="plain")["id"]
    with world.deployment.client() as anybody:
        for server_id in (plain, NOWHERE):
            answer = anybody.get(document_url(server_id))
            assert error_of(answer) == (404, "mcp_server_not_found")
        answer = anybody.get(document_url("garbage"))
        assert error_of(answer) == (400, "invalid_mcp_server_id")


@pytest.mark.rule(16, 17, 27)
@pytest.mark.parametrize(
    ("public_url", "setting"),
    [("http://127.0.0.1:8000", ""), (PUBLIC_URL, "off")],
    ids=["over plain http", "turned off"],
)
def test_a_deployment_without_documents_registers_instead(
    local_aws: None, public_url: str, setting: str
) -> None:
    world = start_world()
    deploy(world, setting, public_url)
    read_documents(world)
    created = world.register()
    assert len(world.authorization_server.registrations) == 1
    with world.deployment.client() as anybody:
        path = f"{SERVERS}/{created['id']}/oauth2/client-metadata.json"
        assert error_of(anybody.get(path)) == (404, "mcp_server_not_found")


@pytest.mark.rule(16, 17)
@pytest.mark.parametrize(
    "setting", ["https://clients.example/{server_id}.json", "https://clients.example/ciborium"]
)
def test_an_operator_may_say_where_the_document_is(local_aws: None, setting: str) -> None:
    world = start_world()
    deploy(world, setting)
    read_documents(world)
    created = world.register()
    expected = setting.replace("{server_id}", created["id"])
    assert created["oauth2_client_id"] == expected
    with world.deployment.client() as anybody:
        answer = anybody.get(document_url(created["id"]))
    assert answer.json()["client_id"] == expected


@pytest.mark.rule(15, 16)
@pytest.mark.parametrize("registers", [True, False])
def test_a_server_that_lists_no_public_clients_is_registered_with_if_it_can_be(
    world: World, registers: bool
) -> None:
    read_documents(world)
    world.authorization_server.auth_methods = ("client_secret_basic",)
    if not registers:
        world.authorization_server.metadata_changes = {"registration_endpoint": None}
    created = world.register()
    assert created["has_oauth2_secret"] == registers
    assert len(world.authorization_server.registrations) == int(registers)


@pytest.mark.rule(26)
def test_a_document_is_good_at_another_authorization_server_too(world: World) -> None:
    read_documents(world)
    server_id = world.connected()
    new = world.add_authorization_server("https://new-login.example")
    new.read_document = world.authorization_server.read_document
    world.resource_server.servers = [new]
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    world.authorization_server = new
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200
    assert list(new.clients) == [document_url(server_id)]
    assert new.registrations == []


@pytest.mark.rule(14, 15, 19, 23)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_that_an_admin_registered_comes_first(world: World, method: str) -> None:
    """Its endpoints are found by the issuer, and it authenticates as the server says."""
    read_documents(world)
    world.authorization_server.auth_methods = (method, "none")
    created = world.register(**PRE_REGISTERED)
    assert created["oauth2_client_id"] == "mine"
    assert created["oauth2_token_url"] == f"{ISSUER}/token"
    assert world.authorization_server.registrations == []
    secret = PRE_REGISTERED["oauth2_client_secret"]
    world.authorization_server.add_client(created["oauth2_callback_url"], method, "mine", secret)
    world.connect_as(ADMIN_TOKEN, created["id"])
    assert world.list_tools(created["id"]).status_code == 200


@pytest.mark.rule(25)
def test_a_client_of_another_issuer_than_the_servers_is_refused_in_words(world: World) -> None:
    body = {**BODY, **PRE_REGISTERED, "oauth2_issuer": "https://other.example"}
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=body)
        assert error_of(refused) == (400, "oauth2_discovery_failed")
        assert "names other authorization servers than oauth2_issuer" in refused.json()["message"]
        assert admin.get(SERVERS).json() == []
    assert "other.example" not in {request.url.host for request in world.internet.requests}


@pytest.mark.rule(6)
def test_the_issuer_that_an_admin_names_does_for_a_server_without_metadata(world: World) -> None:
    world.resource_server.places = ()
    created = world.register(**PRE_REGISTERED)
    assert created["oauth2_auth_url"] == f"{ISSUER}/authorize"


@pytest.mark.rule(35, "trap:offline-access-consent")
@pytest.mark.parametrize(
    ("resource_scopes", "server_scopes", "asked"),
    [
        (["read"], ["read", "offline_access"], "read offline_access"),
        (["read"], ["read"], "read"),
        (["read"], None, "read"),
        ([], ["offline_access"], None),
    ],
)
def test_offline_access_is_asked_for_with_consent_where_the_server_knows_it_and_only_there(
    world: World, resource_scopes: list[str], server_scopes: list[str] | None, asked: str | None
) -> None:
    world.resource_server.metadata_changes = {"scopes_supported": resource_scopes}
    world.authorization_server.metadata_changes = {"scopes_supported": server_scopes}
    server_id = world.register()["id"]
    with world.deployment.admin as admin:
        started = admin.get(f"{SERVERS}/{server_id}/oauth2/connect")
    query = httpx.URL(started.headers["location"]).params
    assert query.get("scope") == asked
    assert query.get("prompt") == ("consent" if "offline_access" in (asked or "") else None)
