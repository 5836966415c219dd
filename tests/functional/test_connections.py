"""Connecting to a server, and what must not work."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from chalicelib.oauth2.flow import STATE_COOKIE, VERIFIER_COOKIE
from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL, error_of, start_deployment
from tests.support.journey import ISSUER, MCP_URL, World, callback_path, start_world
from tests.support.servers import MANUAL_OAUTH2, NOWHERE, SERVERS, create_server


def is_connected(world: World, server_id: str) -> bool:
    with world.deployment.admin as admin:
        one: bool = admin.get(f"{SERVERS}/{server_id}").json()["auth_connected"]
        listed = {each["id"]: each["auth_connected"] for each in admin.get(SERVERS).json()}
        assert listed[server_id] == one
        return one


def test_a_person_connects_in_a_browser(world: World) -> None:
    server_id = world.register()["id"]
    assert not is_connected(world, server_id)
    with world.browser() as browser:
        page = world.connect(browser, server_id)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "You may close this window" in page.text
    assert is_connected(world, server_id)


@pytest.mark.rule(58)
def test_the_page_tells_only_our_own_origin(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        page = world.connect(browser, server_id)
    message = f'{{"type": "mcp-oauth2-complete", "serverID": "{server_id}"}}'
    assert f'postMessage({message},"https://ciborium.example")' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.rule(28, 30, 31, 36)
def test_the_authorization_request_has_every_duty_fulfilled(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        started = browser.get(f"{SERVERS}/{server_id}/oauth2/connect")
    location = urlsplit(started.headers["location"])
    query = dict(parse_qs(location.query))
    assert f"{location.scheme}://{location.netloc}{location.path}" == f"{ISSUER}/authorize"
    assert query.pop("state")[0] == browser.cookies[STATE_COOKIE + server_id]
    assert len(query.pop("code_challenge")[0]) == 43
    assert query == {
        "response_type": ["code"],
        "client_id": [next(iter(world.authorization_server.clients))],
        "redirect_uri": [f"{PUBLIC_URL}{SERVERS}/{server_id}/oauth2/callback"],
        "code_challenge_method": ["S256"],
        "resource": [MCP_URL],
        "scope": ["read write"],
    }


@pytest.mark.rule(36, 58)
def test_state_and_verifier_are_cookies_for_the_callback_alone(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        started = browser.get(f"{SERVERS}/{server_id}/oauth2/connect")
    cookies = started.headers.get_list("set-cookie")
    assert [each.split("=")[0] for each in cookies] == [
        STATE_COOKIE + server_id,
        VERIFIER_COOKIE + server_id,
    ]
    for cookie in cookies:
        attributes = cookie.split("; ")[1:]
        assert attributes == [
            f"Path={callback_path(server_id)}",
            "Max-Age=600",
            "HttpOnly",
            "SameSite=Lax",
            "Secure",
        ]


def test_every_callback_clears_the_cookies_good_or_bad(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        answers = [world.connect(browser, server_id)]
        answers.append(browser.get(f"{SERVERS}/{server_id}/oauth2/callback"))
    assert [answer.status_code for answer in answers] == [200, 400]
    for answer in answers:
        cookies = answer.headers.get_list("set-cookie")
        assert len(cookies) == 2
        assert all("=; " in each and "Max-Age=0" in each for each in cookies)


@pytest.mark.rule(36, 48, 58)
def test_a_flow_is_finished_once(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        assert browser.get(callback).status_code == 200
        again = browser.get(callback)
    assert again.status_code == 400
    assert "Invalid or missing OAuth2 state parameter." in again.text


@pytest.mark.rule(36, 58)
@pytest.mark.parametrize("spoil", ["no state", "other state", "no cookie", "no verifier", "forged"])
def test_a_callback_that_no_flow_of_this_browser_asked_for_is_refused(
    world: World, spoil: str
) -> None:
    server_id = world.register()["id"]
    world.internet.requests.clear()
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        if spoil == "no state":
            callback = callback.copy_remove_param("state")
        elif spoil == "other state":
            callback = callback.copy_set_param("state", "another")
        elif spoil == "no cookie":
            browser.cookies.delete(STATE_COOKIE + server_id)
        elif spoil == "no verifier":
            browser.cookies.delete(VERIFIER_COOKIE + server_id)
        else:
            cookie = next(
                each for each in browser.cookies.jar if each.name.startswith(VERIFIER_COOKIE)
            )
            cookie.value = "AQ" + str(cookie.value)[2:-1] + "A"
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_invalid_state")
    assert world.internet.requests == []
    assert not is_connected(world, server_id)


@pytest.mark.rule(36, 58, "trap:isolation")
def test_another_user_cannot_finish_a_flow_in_the_same_browser(world: World) -> None:
    server_id = world.register()["id"]
    mara = world.deployment.new_member("mara")
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        token = mara.headers["Authorization"].removeprefix("Bearer ")
        browser.cookies.delete("__Host-ciborium_session")
        browser.post("/api/v2/users/login", json={"token": token})
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_invalid_state")


@pytest.mark.rule(58)
def test_a_flow_is_given_up_after_ten_minutes(world: World) -> None:
    world.authorization_server.token_seconds = None
    server_id = world.register()["id"]
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        world.deployment.clock.advance(minutes=10)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_invalid_state")


@pytest.mark.rule(41)
def test_a_provider_that_refuses_is_quoted_once_the_answer_is_believed(world: World) -> None:
    world.authorization_server.denies = True
    server_id = world.register()["id"]
    with world.browser() as browser:
        answer = world.connect(browser, server_id)
        assert answer.status_code == 400
        assert "OAuth2 provider returned an error." in answer.text
        assert "The user said no." in answer.text


@pytest.mark.rule(41)
def test_an_error_that_anybody_may_have_written_is_not_quoted(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        answer = browser.get(
            f"{SERVERS}/{server_id}/oauth2/callback",
            params={"error": "access_denied", "error_description": "<b>Call 555-1234</b>"},
        )
    assert answer.status_code == 400
    assert "OAuth2 provider returned an error." in answer.text
    assert "555-1234" not in answer.text  # Ids may well have 555 in them.


def test_a_missing_code_is_400(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        callback = world.authorize(browser, server_id).copy_remove_param("code")
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_missing_code")


@pytest.mark.rule(13, 39, 40)
@pytest.mark.parametrize("iss", [None, "https://evil.example", f"{ISSUER}/"])
def test_an_answer_of_another_issuer_is_refused_before_the_code_goes_anywhere(
    world: World, iss: str | None
) -> None:
    server_id = world.register()["id"]
    world.internet.requests.clear()
    with world.browser() as browser:
        callback = world.authorize(browser, server_id).copy_remove_param("iss")
        if iss:
            callback = callback.copy_set_param("iss", iss)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_wrong_issuer")
    assert world.internet.requests == []


@pytest.mark.rule(39, 41)
@pytest.mark.parametrize("iss", [None, "https://evil.example", f"{ISSUER}/"])
def test_an_error_of_another_issuer_is_neither_believed_nor_quoted(
    world: World, iss: str | None
) -> None:
    world.authorization_server.denies = True
    server_id = world.register()["id"]
    with world.browser() as browser:
        callback = world.authorize(browser, server_id).copy_remove_param("iss")
        callback = callback.copy_set_param("error_uri", "https://evil.example/help")
        if iss:
            callback = callback.copy_set_param("iss", iss)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_wrong_issuer")
    for text in ("access_denied", "said no", "evil"):
        assert text not in answer.text


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(400, json={"error": "invalid_grant", "error_description": "upstream-text"}),
        httpx.Response(500, text="upstream-text"),
        httpx.Response(200, text="<html>upstream-text</html>"),
        httpx.Response(200, json={"token_type": "bearer", "note": "upstream-text"}),
    ],
    ids=["refused", "failing", "HTML", "no token"],
)
def test_a_failed_exchange_is_502_and_says_nothing_of_the_providers_text(
    world: World, reply: httpx.Response
) -> None:
    server_id = world.register()["id"]
    world.internet.add_page(f"{ISSUER}/token", reply)
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (502, "oauth2_token_exchange_failed")
    assert "upstream-text" not in answer.text
    assert not is_connected(world, server_id)


@pytest.mark.rule(43)
def test_a_flow_does_not_survive_a_change_of_destination(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        with world.deployment.admin as admin:
            moved = {"oauth2_token_url": "https://login.example/elsewhere"}
            admin.patch(f"{SERVERS}/{server_id}", json=moved).raise_for_status()
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (409, "mcp_server_moved")


@pytest.mark.rule(43)
@pytest.mark.parametrize(
    "move",
    [
        {"url": "https://tickets.example/mcp/v2"},
        {"oauth2_token_url": "https://login.example/elsewhere"},
        {"oauth2_revocation_url": "https://login.example/elsewhere"},
        {"oauth2_client_id": "another"},
        {"auth_type": "none"},
    ],
    ids=lambda move: next(iter(move)),
)
def test_a_change_of_destination_voids_every_connection(world: World, move: dict[str, str]) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
    with world.deployment.admin as admin:
        kept = admin.patch(f"{SERVERS}/{server_id}", json={"description": "New"}).json()
        assert kept["auth_connected"]
        moved = admin.patch(f"{SERVERS}/{server_id}", json=move).json()
        assert moved["auth_connected"] == (moved["auth_type"] == "none")
        if moved["auth_type"] == "oauth2":
            refused = admin.get(f"{SERVERS}/{server_id}/tools")
            assert error_of(refused) == (409, "connect_required")


@pytest.mark.rule(46)
def test_an_expired_token_that_cannot_be_refreshed_no_longer_counts(world: World) -> None:
    world.authorization_server.issues_refresh_tokens = False
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
    world.deployment.clock.advance(seconds=3599)
    assert is_connected(world, server_id)
    world.deployment.clock.advance(seconds=1)
    assert not is_connected(world, server_id)


@pytest.mark.parametrize("action", ["connect", "callback"])
def test_only_an_enabled_oauth2_server_with_a_client_can_be_connected_to(
    world: World, action: str
) -> None:
    with world.deployment.admin as admin:
        oauth2 = {**MANUAL_OAUTH2, "enabled": True}
        disabled = create_server(admin, slug="a", **MANUAL_OAUTH2)["id"]
        plain = create_server(admin, slug="b", enabled=True)["id"]
        ready = create_server(admin, slug="c", **oauth2)["id"]
        expected = {
            "garbage": (400, "invalid_mcp_server_id"),
            NOWHERE: (404, "mcp_server_not_found"),
            disabled: (400, "mcp_server_not_connectable"),
            plain: (400, "mcp_server_not_connectable"),
        }
        for server_id, refusal in expected.items():
            assert error_of(admin.get(f"{SERVERS}/{server_id}/oauth2/{action}")) == refusal
        if action == "connect":
            assert admin.get(f"{SERVERS}/{ready}/oauth2/connect").status_code == 307


def test_a_browser_that_is_not_signed_in_is_led_to_the_form_and_back(world: World) -> None:
    server_id = world.register()["id"]
    path = f"{SERVERS}/{server_id}/oauth2/connect"
    with world.deployment.client(Accept="text/html") as browser:
        answer = browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{PUBLIC_URL}/login?next={path}"


def test_disconnecting_forgets_the_tokens_and_revokes_them(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser, world.deployment.admin as admin:
        world.connect(browser, server_id)
        assert len(world.authorization_server.tokens) == 2
        answer = admin.delete(f"{SERVERS}/{server_id}/oauth2/disconnect")
        assert (answer.status_code, answer.json()) == (200, {"token_revoked": True})
        assert world.authorization_server.tokens == {}
        assert not is_connected(world, server_id)
        again = admin.delete(f"{SERVERS}/{server_id}/oauth2/disconnect")
        assert again.json() == {"token_revoked": False}


def test_a_provider_that_does_not_revoke_is_reported_and_the_tokens_are_gone(world: World) -> None:
    server_id = world.register()["id"]
    world.internet.add_page(f"{ISSUER}/revoke", httpx.Response(503, text="upstream-text"))
    with world.browser() as browser, world.deployment.admin as admin:
        world.connect(browser, server_id)
        answer = admin.delete(f"{SERVERS}/{server_id}/oauth2/disconnect").json()
        assert not answer["token_revoked"]
        assert "did not confirm" in answer["token_revocation_error"]
        assert "upstream-text" not in str(answer)
        assert not is_connected(world, server_id)


@pytest.mark.rule("trap:isolation")
def test_disconnecting_touches_nobody_elses_tokens_and_is_no_oracle(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser, world.deployment.new_member() as mara:
        world.connect(browser, server_id)
        with world.deployment.admin as admin:
            hidden = create_server(admin, slug="hidden")["id"]
        bodies = {
            mara.delete(f"{SERVERS}/{each}/oauth2/disconnect").text
            for each in (server_id, hidden, NOWHERE)
        }
        assert bodies == {'{"token_revoked":false}'}
        assert error_of(mara.delete(f"{SERVERS}/garbage/oauth2/disconnect"))[0] == 400
    assert is_connected(world, server_id)


def test_deleting_a_server_removes_its_connections(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser, world.deployment.admin as admin:
        world.connect(browser, server_id)
        assert admin.delete(f"{SERVERS}/{server_id}").status_code == 204
        again = world.register()["id"]
        assert not is_connected(world, again)
        assert browser.get(f"{SERVERS}/{server_id}/oauth2/connect").status_code == 404


@pytest.mark.rule(27, 48, 58)
@pytest.mark.parametrize("public_url", ["https://ciborium.example", "http://127.0.0.1:8000"])
def test_links_come_from_the_public_url_and_never_from_the_host_header(
    local_aws: None, public_url: str
) -> None:
    world = start_world()
    world.deployment = start_deployment(world.internet, public_url=public_url)
    world.authorization_server.clock = world.deployment.clock
    created = world.register()
    redirect_uri = f"{public_url}{SERVERS}/{created['id']}/oauth2/callback"
    assert world.authorization_server.registrations[0]["redirect_uris"] == [redirect_uri]
    with world.deployment.client(ADMIN_TOKEN, Host="evil.example") as client:
        started = client.get(f"{SERVERS}/{created['id']}/oauth2/connect")
    assert parse_qs(urlsplit(started.headers["location"]).query)["redirect_uri"] == [redirect_uri]
    for cookie in started.headers.get_list("set-cookie"):
        assert f"Path={SERVERS}/{created['id']}/oauth2/callback" in cookie
        assert ("Secure" in cookie) == public_url.startswith("https")


@pytest.mark.rule(43)
def test_a_journey_asks_the_two_servers_it_is_about(world: World) -> None:
    """A whole journey asks the MCP server and its authorization server, and nobody else."""
    server_id = world.register()["id"]
    with world.browser() as browser:
        world.connect(browser, server_id)
    hosts = {request.url.host for request in world.internet.requests}
    assert hosts == {"tickets.example", "login.example"}


@pytest.mark.rule(13, 36, 58)
def test_a_flows_two_cookies_belong_together(world: World) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        first = world.authorize(browser, server_id)
        state = browser.cookies[STATE_COOKIE + server_id]
        world.authorize(browser, server_id)  # Leaves its own two cookies.
        cookie = next(each for each in browser.cookies.jar if each.name.startswith(STATE_COOKIE))
        cookie.value = state
        answer = browser.get(first, headers={"Accept": "application/json"})
    assert error_of(answer) == (400, "oauth2_invalid_state")


def test_a_callback_without_a_session_clears_the_cookies_and_starts_again_after_signing_in(
    world: World,
) -> None:
    server_id = world.register()["id"]
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        browser.cookies.delete("__Host-ciborium_session")
        answer = browser.get(callback)
    assert answer.status_code == 303
    connect = f"{SERVERS}/{server_id}/oauth2/connect"
    assert answer.headers["location"] == f"{PUBLIC_URL}/login?next={connect}"
    assert len(answer.headers.get_list("set-cookie")) == 2


@pytest.mark.rule(43)
def test_tokens_that_come_too_late_to_be_kept_are_revoked(world: World) -> None:
    server_id = world.register()["id"]
    handle = world.authorization_server.handle

    def meanwhile(request: httpx.Request) -> httpx.Response:
        answer = handle(request)
        with world.deployment.admin as admin:
            admin.delete(f"{SERVERS}/{server_id}").raise_for_status()
        return answer

    world.internet.add_page(f"{ISSUER}/token", meanwhile)
    with world.browser() as browser:
        callback = world.authorize(browser, server_id)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (409, "mcp_server_moved")
    assert world.authorization_server.tokens == {}


def test_a_member_does_not_learn_where_the_token_endpoint_is(world: World) -> None:
    with world.deployment.admin as admin:
        hidden = {**MANUAL_OAUTH2, "oauth2_token_url": "https://internal.example/token"}
        hidden["oauth2_auth_url"] = f"{ISSUER}/authorize"
        server_id = create_server(admin, enabled=True, **hidden)["id"]
    redirect_uri = f"{PUBLIC_URL}{SERVERS}/{server_id}/oauth2/callback"
    world.authorization_server.add_client(redirect_uri, client_id="client-1")
    world.authorization_server.issues_iss = False
    token = world.deployment.new_member().headers["Authorization"].removeprefix("Bearer ")
    with world.browser(token) as browser:
        callback = world.authorize(browser, server_id)
        answer = browser.get(callback, headers={"Accept": "application/json"})
    assert error_of(answer) == (502, "oauth2_token_exchange_failed")
    assert "internal" not in answer.text
