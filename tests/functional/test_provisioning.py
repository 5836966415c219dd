"""Registering an OAuth2-protected MCP server by its URL alone."""

import httpx
import pytest

from tests.support.deployment import PUBLIC_URL, error_of
from tests.support.internet import json_reply
from tests.support.journey import ISSUER, MCP_URL, World
from tests.support.servers import SERVERS, server_body

BODY = server_body(auth_type="oauth2", enabled=True, url=MCP_URL)


@pytest.mark.rule(1, 14, 20)
def test_a_url_is_enough(world: World) -> None:
    created = world.register()
    registered = world.authorization_server.registrations[0]
    callback = f"{PUBLIC_URL}{SERVERS}/{created['id']}/oauth2/callback"
    assert registered["redirect_uris"] == [callback]
    assert created["oauth2_callback_url"] == callback
    assert created["oauth2_client_id"] in world.authorization_server.clients
    assert created["oauth2_auth_url"] == f"{ISSUER}/authorize"
    assert created["oauth2_token_url"] == f"{ISSUER}/token"
    assert created["oauth2_revocation_url"] == f"{ISSUER}/revoke"
    assert created["oauth2_scopes"] == "read write"
    assert created["has_oauth2_secret"]
    assert created["enabled"]


def test_what_the_admin_chose_stands(world: World) -> None:
    chosen = "https://login.example/other-revoke"
    created = world.register(oauth2_scopes="read", oauth2_revocation_url=chosen)
    assert created["oauth2_scopes"] == "read"
    assert created["oauth2_revocation_url"] == chosen


@pytest.mark.rule(6, 15, 19)
def test_a_client_entered_by_hand_asks_nobody(world: World) -> None:
    world.register(
        oauth2_client_id="mine",
        oauth2_auth_url=f"{ISSUER}/authorize",
        oauth2_token_url=f"{ISSUER}/token",
    )
    assert world.internet.requests == []


def page(status: int, body: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers=headers, content=body.encode())


METADATA = "https://tickets.example/.well-known/oauth-protected-resource/mcp"
SERVER_METADATA = f"{ISSUER}/.well-known/oauth-authorization-server"
HTML = page(200, "<html>upstream-text</html>", **{"Content-Type": "text/html"})
FAULTS = {
    "no metadata": ({METADATA: page(404, "upstream-text")}, METADATA),
    "HTML for metadata": ({METADATA: HTML}, METADATA),
    "metadata of 50 MB": ({METADATA: page(200, "x" * 50_000_000)}, METADATA),
    "metadata redirects to a private address": (
        {METADATA: page(302, "", Location="https://10.0.0.1/metadata")},
        METADATA,
    ),
    "another server's metadata": (
        {
            METADATA: json_reply(
                200, {"resource": "https://evil.example/mcp", "authorization_servers": [ISSUER]}
            )
        },
        METADATA,
    ),
    "no authorization server metadata": (
        {SERVER_METADATA: page(500, "upstream-text")},
        SERVER_METADATA,
    ),
    "registration refused": (
        {f"{ISSUER}/register": page(403, '{"error_description":"upstream-text"}')},
        f"{ISSUER}/register",
    ),
    "registration answers HTML": ({f"{ISSUER}/register": HTML}, f"{ISSUER}/register"),
}


@pytest.mark.rule(5, 6, 55)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_step_is_named_with_its_url_and_leaves_nothing(world: World, fault: str) -> None:
    pages, url = FAULTS[fault]
    for each, answer in pages.items():
        world.internet.add_page(each, answer)
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=BODY)
        assert refused.status_code == 400
        assert refused.json()["code"] in {"oauth2_discovery_failed", "oauth2_registration_failed"}
        assert url in refused.json()["message"]
        assert "oauth2_client_id" in refused.json()["detail"]
        assert "upstream-text" not in refused.text
        assert "x" * 100 not in refused.text
        assert admin.get(SERVERS).json() == []
        world.internet._pages.clear()
        assert admin.post(SERVERS, json=BODY).status_code == 201


@pytest.mark.parametrize("cut", ["metadata", "registration"])
def test_a_server_that_cannot_be_reached_is_named_too(world: World, cut: str) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    url = SERVER_METADATA if cut == "metadata" else f"{ISSUER}/register"
    world.internet.add_page(url, break_off)
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=BODY)
        assert refused.status_code == 400
        assert "login.example" in refused.json()["message"]
        assert "oauth2_client_id" in refused.json()["detail"]
        assert admin.get(SERVERS).json() == []


def test_a_slug_that_is_taken_is_told_before_anybody_is_asked(world: World) -> None:
    world.register()
    world.internet.requests.clear()
    with world.deployment.admin as admin:
        assert error_of(admin.post(SERVERS, json=BODY)) == (409, "mcp_server_slug_taken")
    assert world.internet.requests == []


def test_a_create_that_was_killed_is_replaced_by_the_next_one(world: World) -> None:
    def die(request: httpx.Request) -> httpx.Response:
        raise SystemExit

    world.internet.add_page(SERVER_METADATA, die)
    with world.deployment.admin as admin:
        # SystemExit is no Exception: as when Lambda ends the process, nothing cleans up.
        with pytest.raises(SystemExit):
            admin.post(SERVERS, json=BODY)
        world.internet._pages.clear()
        assert [each["enabled"] for each in admin.get(SERVERS).json()] == [False]
        assert error_of(admin.post(SERVERS, json=BODY)) == (409, "mcp_server_slug_taken")
        world.deployment.clock.advance(seconds=60)
        assert admin.post(SERVERS, json=BODY).status_code == 201
        assert len(admin.get(SERVERS).json()) == 1


def test_scopes_that_fit_into_no_url_are_cut(world: World) -> None:
    scopes = [f"scope-{number:03d}-{'x' * 200}" for number in range(400)]
    world.resource_server.metadata_changes = {"scopes_supported": scopes}
    created = world.register()
    assert len(created["oauth2_scopes"]) <= 2048
    assert created["oauth2_scopes"].split() == scopes[:9]
