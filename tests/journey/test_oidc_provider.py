"""Ciborium with oidc-provider, a strict authorization server in a process of its own."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.deployment import PUBLIC_URL, error_of
from tests.support.node_peers import OIDCPeer, running_oidc_server
from tests.support.peer_journey import PeerWorld, list_at_once, peer_world
from tests.support.servers import SERVERS

PEERS = {
    "JWTs, the resource's scope unknown to registration": (),
    "opaque tokens, issuer under a path": (
        *("--opaque", "--path", "/tenant", "--scopes", "offline_access,notes"),
    ),
}
TOOLS = ["list_notes", "whoami"]
TOKEN_SECONDS = 3600


@pytest.fixture(scope="module", params=list(PEERS.values()), ids=list(PEERS))
def peer(request: pytest.FixtureRequest) -> Iterator[OIDCPeer]:
    """The authorization server, in front of an MCP server."""
    with running_oidc_server(*request.param) as running:
        yield running


def connected(world: PeerWorld, peer: OIDCPeer) -> tuple[str, str]:
    """The ids of a server that Mara is connected to, and of our client at its provider."""
    server = world.register(peer.mcp_url)
    connect(world, server["id"])
    return server["id"], server["oauth2_client_id"]


def connect(world: PeerWorld, server_id: str) -> None:
    page = world.connect(server_id)
    assert page.status_code == 200, page.text
    assert "You may close this window" in page.text
    assert str(page.url).startswith(f"{world.public_url}{SERVERS}/{server_id}/oauth2/callback")


def let_tokens_expire(world: PeerWorld, peer: OIDCPeer) -> None:
    peer.advance(TOKEN_SECONDS)
    world.deployment.clock.advance(seconds=TOKEN_SECONDS)


@pytest.mark.rule(1, 10, 14, 20, 35, "trap:mounted-server", "trap:offline-access-consent")
def test_a_server_is_set_up_by_its_url_alone_and_a_member_uses_its_tools(
    world: PeerWorld, peer: OIDCPeer
) -> None:
    server = world.register(peer.mcp_url)
    registered = peer.find_client(server["oauth2_client_id"])
    assert registered
    assert registered["redirect_uris"] == [
        f"{PUBLIC_URL}{SERVERS}/{server['id']}/oauth2/callback",
    ]
    assert (registered["application_type"], registered["token_endpoint_auth_method"]) == (
        "web",
        "client_secret_post",
    )
    assert server["oauth2_auth_url"].startswith(f"{peer.issuer}/")
    assert error_of(world.list_tools(server["id"])) == (409, "connect_required")
    connect(world, server["id"])
    assert world.tool_names(server["id"]) == TOOLS
    told = world.call_tool(server["id"], "whoami").json()
    assert told["content"] == [{"type": "text", "text": "mara-at-the-provider"}]
    assert peer.refreshes(server["oauth2_client_id"]) == []


@pytest.mark.rule(21)
def test_a_native_client_is_registered_for_a_deployment_on_the_users_own_machine(
    local_aws: None, peer: OIDCPeer
) -> None:
    with peer_world(public_url="http://127.0.0.1:8000") as world:
        server_id, client_id = connected(world, peer)
        assert world.tool_names(server_id) == TOOLS
    registered = peer.find_client(client_id)
    assert registered
    assert registered["application_type"] == "native"


@pytest.mark.rule(47, "trap:early-refresh")
def test_an_expired_token_is_refreshed_and_no_refresh_token_is_used_twice(
    world: PeerWorld, peer: OIDCPeer
) -> None:
    server_id, client_id = connected(world, peer)
    for _ in range(3):
        let_tokens_expire(world, peer)
        assert world.tool_names(server_id) == TOOLS
        assert world.tool_names(server_id) == TOOLS
    assert peer.refreshes(client_id) == ["success"] * 3
    saved = peer.tokens(client_id, "refresh_token.saved")
    assert peer.tokens(client_id, "refresh_token.consumed") == list(dict.fromkeys(saved))[:3]
    assert not peer.is_active(saved[0])
    assert peer.is_active(saved[-1])


@pytest.mark.rule("trap:refresh-before-asking")
def test_a_token_that_has_expired_only_by_the_servers_clock_is_refreshed_once(
    world: PeerWorld, peer: OIDCPeer
) -> None:
    server_id, client_id = connected(world, peer)
    peer.advance(TOKEN_SECONDS)
    assert world.tool_names(server_id) == TOOLS
    assert peer.refreshes(client_id) == ["success"]


@pytest.mark.rule("trap:concurrent-refresh")
def test_lambdas_that_list_at_once_refresh_once_where_a_second_time_would_end_the_grant(
    world: PeerWorld, peer: OIDCPeer
) -> None:
    server_id, client_id = connected(world, peer)
    let_tokens_expire(world, peer)
    with world.more_containers(4) as containers:
        assert list_at_once(containers, server_id) == [200] * 4
    assert peer.refreshes(client_id) == ["success"]
    let_tokens_expire(world, peer)
    assert world.tool_names(server_id) == TOOLS


def test_a_disconnect_ends_the_tokens_at_the_provider(world: PeerWorld, peer: OIDCPeer) -> None:
    server_id, client_id = connected(world, peer)
    tokens = peer.tokens(client_id, "refresh_token.saved")
    tokens += peer.tokens(client_id, "access_token.saved")  # JWTs cannot be revoked there.
    assert [peer.is_active(token) for token in tokens] == [True] * len(tokens)
    answer = world.mara.delete(f"{SERVERS}/{server_id}/oauth2/disconnect")
    assert (answer.status_code, answer.json()) == (200, {"token_revoked": True})
    assert [peer.is_active(token) for token in tokens] == [False] * len(tokens)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")


@pytest.mark.rule("trap:abandoned-registration")
def test_a_deleted_server_takes_its_registration_along(world: PeerWorld, peer: OIDCPeer) -> None:
    """RFC 7592 section 2.3."""
    server_id, client_id = connected(world, peer)
    with world.deployment.admin as admin:
        assert admin.delete(f"{SERVERS}/{server_id}").status_code == 204
    assert peer.find_client(client_id) is None


def test_a_stolen_refresh_token_that_is_used_again_ends_the_grant_for_everybody(
    world: PeerWorld, peer: OIDCPeer
) -> None:
    """RFC 9700 section 4.14.2: the provider cannot tell the thief from us."""
    server_id, client_id = connected(world, peer)
    let_tokens_expire(world, peer)
    assert world.tool_names(server_id) == TOOLS
    stolen = peer.tokens(client_id, "refresh_token.consumed")[0]
    refused = peer.use_refresh_token(client_id, stolen)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    let_tokens_expire(world, peer)
    assert error_of(world.list_tools(server_id)) == (409, "connect_required")
    assert not world.mara.get(f"{SERVERS}/{server_id}").json()["auth_connected"]
    connect(world, server_id)
    assert world.tool_names(server_id) == TOOLS


@pytest.mark.rule(16, 17, 26)
def test_our_metadata_document_stands_for_a_registration(world: PeerWorld) -> None:
    """`draft-ietf-oauth-client-id-metadata-document`; such a client is public."""
    with running_oidc_server("--documents") as peer:
        server = world.register(peer.mcp_url)
        path = f"{SERVERS}/{server['id']}/oauth2/client-metadata.json"
        assert server["oauth2_client_id"] == f"{PUBLIC_URL}{path}"
        peer.publish(server["oauth2_client_id"], world.mara.get(path).content)
        connect(world, server["id"])
        let_tokens_expire(world, peer)
        assert world.tool_names(server["id"]) == TOOLS
        assert peer.refreshes(server["oauth2_client_id"]) == ["success"]
        answer = world.mara.delete(f"{SERVERS}/{server['id']}/oauth2/disconnect")
        assert answer.json() == {"token_revoked": True}


def test_the_provider_is_as_strict_as_these_tests_need(world: PeerWorld, peer: OIDCPeer) -> None:
    server = world.register(peer.mcp_url)
    with world.browser() as browser:
        path = f"{SERVERS}/{server['id']}/oauth2/connect"
        started = browser.get(f"{world.public_url}{path}", follow_redirects=False)
    sent = httpx.URL(started.headers["location"])
    wrong = {
        "no PKCE": sent.copy_remove_param("code_challenge"),
        "plain PKCE": sent.copy_set_param("code_challenge_method", "plain"),
        "another resource": sent.copy_set_param("resource", "https://other.example/mcp"),
    }
    errors = {}
    for name, url in wrong.items():
        answer = httpx.get(url)
        assert answer.has_redirect_location, answer.text
        errors[name] = httpx.URL(answer.headers["location"]).params["error"]
    assert errors == {
        "no PKCE": "invalid_request",
        "plain PKCE": "invalid_request",
        "another resource": "invalid_target",
    }
    assert httpx.get(sent.copy_set_param("redirect_uri", "https://evil.example")).is_client_error
