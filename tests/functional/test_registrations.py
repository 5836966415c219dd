"""Our registrations at authorization servers: made, replaced when they end, deleted after use."""

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from tests.support.deployment import ADMIN_TOKEN, error_of, start_deployment
from tests.support.journey import ISSUER, MCP_URL, World
from tests.support.servers import SERVERS, server_body

BODY = server_body(auth_type="oauth2", enabled=True, url=MCP_URL)


def expire_in_an_hour(world: World) -> None:
    """Let the secrets that the authorization server gives end."""
    now = world.deployment.clock().timestamp()
    world.authorization_server.secret_expires_at = int(now) + 3600


@pytest.mark.rule("trap:secret-expiry")
def test_a_client_that_has_expired_is_registered_anew_when_somebody_connects(world: World) -> None:
    world.authorization_server.manages_registrations = True
    expire_in_an_hour(world)
    server_id = world.connected()
    (before,) = world.authorization_server.clients
    world.deployment.clock.advance(hours=2)
    expire_in_an_hour(world)
    refused = world.list_tools(server_id)
    assert error_of(refused) == (409, "connect_required")
    assert f"POST {ISSUER}/token" not in world.internet.calls, "nobody would take the secret"
    world.connect_as(ADMIN_TOKEN, server_id)
    assert world.list_tools(server_id).status_code == 200
    (after,) = world.authorization_server.clients
    assert after != before


@pytest.mark.rule("trap:secret-expiry")
def test_a_token_outlives_the_secret_that_it_was_got_with(world: World) -> None:
    world.authorization_server.token_seconds = 3 * 3600
    expire_in_an_hour(world)
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule("trap:secret-expiry")
@pytest.mark.parametrize("never", [0, -1, 10**18])
def test_a_secret_without_a_real_expiry_does_not_expire(world: World, never: int) -> None:
    world.authorization_server.secret_expires_at = never
    server_id = world.connected()
    world.deployment.clock.advance(days=7)
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule("trap:secret-expiry")
def test_an_expired_client_that_cannot_be_replaced_is_told_as_much_as_one_may_know(
    world: World,
) -> None:
    expire_in_an_hour(world)
    server_id, mara = world.connected(), world.deployment.new_member()
    world.deployment.clock.advance(hours=2)
    world.internet.add_page(f"{ISSUER}/register", httpx.Response(503, text="upstream-text"))
    path = f"{SERVERS}/{server_id}/oauth2/connect"
    with world.deployment.admin as admin, mara:
        refused = admin.get(path)
        assert error_of(refused) == (400, "oauth2_registration_failed")
        assert f"{ISSUER}/register answered HTTP 503" in refused.json()["message"]
        told = mara.get(path)
        assert error_of(told) == (400, "mcp_server_not_connectable")
        assert "example" not in told.text


@pytest.mark.rule(21, 22)
def test_a_server_that_takes_our_redirect_uri_only_from_another_kind_of_client_gets_that(
    world: World,
) -> None:
    world.authorization_server.refused_types = ("web",)
    server_id = world.connected()
    asked = [each["application_type"] for each in world.authorization_server.registrations]
    assert asked == ["web", "native"]
    assert world.list_tools(server_id).status_code == 200


@pytest.mark.rule(22)
def test_a_server_that_takes_our_redirect_uri_from_nobody_is_asked_twice_and_explained(
    world: World,
) -> None:
    world.authorization_server.refused_types = ("web", "native")
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=BODY)
        assert error_of(refused) == (400, "oauth2_registration_failed")
        assert "does not accept our redirect URI" in refused.json()["message"]
        assert "oauth2_client_id" in refused.json()["detail"]
        assert admin.get(SERVERS).json() == []
    assert len(world.authorization_server.registrations) == 2


@pytest.mark.rule(22)
@pytest.mark.parametrize("refused_types", [(), ("native",)])
def test_a_server_that_registers_no_scopes_of_the_resource_gets_us_without_scopes(
    world: World, refused_types: tuple[str, ...]
) -> None:
    """As oidc-provider does, which grants them all the same."""
    provider = world.authorization_server
    provider.registered_scopes, provider.refused_types = (), refused_types
    server_id = world.connected()
    asked = [each.get("scope") for each in provider.registrations]
    assert asked == ["read write", "read write", None]
    assert provider.registrations[-1]["application_type"] == "web"
    with world.deployment.admin as admin:
        assert admin.get(f"{SERVERS}/{server_id}").json()["oauth2_scopes"] == "read write"


@pytest.mark.rule(22)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"error": "access_denied"}),
        httpx.Response(401, json={"error": "invalid_token"}),
        httpx.Response(500, text="upstream-text"),
    ],
)
def test_another_refusal_of_a_registration_is_final(world: World, answer: httpx.Response) -> None:
    world.internet.add_page(f"{ISSUER}/register", answer)
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=BODY)
    assert error_of(refused) == (400, "oauth2_registration_failed")
    assert world.internet.calls.count(f"POST {ISSUER}/register") == 1


@pytest.mark.rule("trap:abandoned-registration")
@pytest.mark.parametrize(
    "change",
    [
        None,
        {"auth_type": "none"},
        {"oauth2_client_id": "mine", "oauth2_client_secret": "s"},
    ],
    ids=["deleted", "without OAuth2", "another client"],
)
def test_a_registration_that_is_of_no_more_use_is_deleted(
    world: World, change: dict[str, str] | None
) -> None:
    world.authorization_server.manages_registrations = True
    server_id = world.connected()
    path = f"{SERVERS}/{server_id}"
    with world.deployment.admin as admin:
        admin.patch(path, json={"description": "New"}).raise_for_status()
        assert len(world.authorization_server.clients) == 1
        answer = admin.delete(path) if change is None else admin.patch(path, json=change)
        assert answer.status_code in {200, 204}
    assert world.authorization_server.clients == {}


@pytest.mark.rule("trap:abandoned-registration")
@pytest.mark.parametrize("action", ["changes", "deletes"])
def test_a_registration_is_deleted_if_its_server_cannot_be_completed(
    world: World, action: str
) -> None:
    """An admin was quicker, while the authorization server was asked."""
    world.authorization_server.manages_registrations = True
    handle = world.authorization_server.handle

    def meanwhile(request: httpx.Request) -> httpx.Response:
        answer = handle(request)
        with world.deployment.admin as other:
            path = f"{SERVERS}/{other.get(SERVERS).json()[0]['id']}"
            by_hand = {"auth_type": "none", "description": "Mine"}
            other.delete(path) if action == "deletes" else other.patch(path, json=by_hand)
        return answer

    world.internet.add_page(f"{ISSUER}/register", meanwhile)
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=BODY)
        assert error_of(refused)[0] == 409
        left = [each["description"] for each in admin.get(SERVERS).json()]
    assert left == ([] if action == "deletes" else ["Mine"])
    assert len(world.authorization_server.registrations) == 1
    assert world.authorization_server.clients == {}


@pytest.mark.rule("trap:abandoned-registration")
def test_a_registration_that_does_not_fit_is_deleted(world: World) -> None:
    world.authorization_server.manages_registrations = True
    changes = {"redirect_uris": ["https://evil.example/callback"]}
    world.authorization_server.registration_changes = changes
    with world.deployment.admin as admin:
        refused = admin.post(SERVERS, json=BODY)
    assert error_of(refused) == (400, "oauth2_registration_failed")
    assert "registered another redirect URI" in refused.json()["message"]
    assert world.authorization_server.clients == {}


@pytest.mark.rule(52)
@pytest.mark.parametrize("place", ["https://169.254.169.254/x", "http://login.example/register/1"])
def test_a_place_to_manage_a_registration_is_guarded_like_any_other(
    world: World, place: str
) -> None:
    world.authorization_server.registration_changes = {
        "registration_client_uri": place,
        "registration_access_token": "sentinel",
    }
    server_id = world.connected()
    with world.deployment.admin as admin:
        assert admin.delete(f"{SERVERS}/{server_id}").status_code == 204
    assert world.internet.requests == []


class NoKMS:
    def decrypt(self, **_: object) -> object:
        raise EndpointConnectionError(endpoint_url="https://kms")


@pytest.mark.rule("trap:abandoned-registration")
def test_a_server_can_be_deleted_although_its_registration_cannot(world: World) -> None:
    world.authorization_server.manages_registrations = True
    server_id = world.connected()
    cold = start_deployment(world.internet, clock=world.deployment.clock, kms_client=NoKMS)
    with cold.admin as admin:
        assert admin.delete(f"{SERVERS}/{server_id}").status_code == 204
        assert admin.get(SERVERS).json() == []
