import re

import pytest

from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL, Deployment, error_of, start_deployment

ME = "/api/v2/users/me"
ORIGIN = {"Origin": "https://ciborium.example"}


def test_a_bearer_token_says_who_one_is(deployment: Deployment) -> None:
    me = deployment.admin.get(ME).json()
    assert me["username"] == "admin"
    assert [role["name"] for role in me["roles"]] == ["member", "owner"]
    assert len(me["organization_ids"]) == 1


def test_the_reference_clients_session_header_works_too(deployment: Deployment) -> None:
    client = deployment.client(**{"Coder-Session-Token": ADMIN_TOKEN})
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize("token", [None, "", "nonsense", ADMIN_TOKEN[:-1], "x" * 5000])
def test_no_token_and_a_wrong_one_are_401(deployment: Deployment, token: str | None) -> None:
    response = deployment.client(token).get(ME)
    assert response.status_code == 401
    assert error_of(response)[1] in {"missing_token", "invalid_token"}


def test_authenticating_costs_one_read(deployment: Deployment) -> None:
    deployment.aws_calls.reset()
    deployment.client("unknown").get(ME)
    assert deployment.aws_calls.calls == {"dynamodb.GetItem": 1}


def test_an_admin_creates_a_user_and_a_token_and_the_token_works(deployment: Deployment) -> None:
    with deployment.new_member("mara") as mara:
        me = mara.get(ME).json()
    assert me["username"] == "mara"
    assert [role["name"] for role in me["roles"]] == ["member"]


def test_a_token_is_shown_once_and_stored_only_as_a_hash(deployment: Deployment) -> None:
    created = deployment.admin.post(f"{ME}/keys/tokens", json={"token_name": "ci"})
    key = created.json()["key"]
    assert created.status_code == 201
    assert re.fullmatch(r"ciborium_[\w-]{43}", key)
    assert key not in deployment.admin.get(ME).text


def test_a_token_ends_with_its_lifetime(deployment: Deployment) -> None:
    key = deployment.admin.post(f"{ME}/keys/tokens", json={"lifetime": 60}).json()["key"]
    deployment.clock.advance(seconds=59)
    assert deployment.client(key).get(ME).status_code == 200
    deployment.clock.advance(seconds=1)
    assert error_of(deployment.client(key).get(ME)) == (401, "invalid_token")


def test_an_e_mail_address_and_a_user_name_are_taken_once(deployment: Deployment) -> None:
    deployment.new_member("mara")
    for body in (
        {"username": "mara", "email": "other@example.com"},
        {"username": "other", "email": "MARA@example.com"},
    ):
        assert error_of(deployment.admin.post("/api/v2/users", json=body)) == (409, "user_exists")


def test_a_member_creates_no_users_and_no_tokens_for_others(deployment: Deployment) -> None:
    admin_id = deployment.admin.get(ME).json()["id"]
    with deployment.new_member() as mara:
        body = {"username": "eve", "email": "eve@example.com"}
        assert error_of(mara.post("/api/v2/users", json=body)) == (403, "not_allowed")
        refused = mara.post(f"/api/v2/users/{admin_id}/keys/tokens", json={})
        assert error_of(refused) == (404, "user_not_found")
        assert error_of(mara.get(f"/api/v2/users/{admin_id}")) == (404, "user_not_found")


@pytest.mark.parametrize("user_id", ["nobody", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_user_is_404(deployment: Deployment, user_id: str) -> None:
    assert error_of(deployment.admin.get(f"/api/v2/users/{user_id}")) == (404, "user_not_found")


def test_signing_in_sets_a_cookie_that_browsers_keep_to_this_host(deployment: Deployment) -> None:
    with deployment.client() as browser:
        response = browser.post("/api/v2/users/login", json={"token": ADMIN_TOKEN}, headers=ORIGIN)
        assert response.status_code == 201
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-ciborium_session=ciborium_")
        for attribute in ("Path=/", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=86400"):
            assert attribute in cookie
        assert browser.get(ME).json()["username"] == "admin"


def test_without_tls_the_cookie_has_no_host_prefix(local_aws: None) -> None:
    deployment = start_deployment(public_url="http://127.0.0.1:8000")
    response = deployment.client().post("/api/v2/users/login", json={"token": ADMIN_TOKEN})
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("ciborium_session=")
    assert "Secure" not in cookie


def test_signing_out_ends_the_session_and_not_the_token(deployment: Deployment) -> None:
    with deployment.client() as browser:
        browser.post("/api/v2/users/login", json={"token": ADMIN_TOKEN}, headers=ORIGIN)
        session = dict(browser.cookies)
        out = browser.post("/api/v2/users/logout", headers=ORIGIN)
        assert out.json() == {"message": "Logged out!"}
        browser.cookies.update(session)
        assert error_of(browser.get(ME)) == (401, "invalid_token")
    assert deployment.admin.get(ME).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_a_cookie_that_another_site_sends_changes_nothing(
    deployment: Deployment, headers: dict[str, str]
) -> None:
    with deployment.client() as browser:
        browser.post("/api/v2/users/login", json={"token": ADMIN_TOKEN}, headers=ORIGIN)
        body = {"username": "eve", "email": "eve@example.com"}
        refused = browser.post("/api/v2/users", json=body, headers=headers)
        assert error_of(refused) == (403, "foreign_origin")
        assert browser.get(ME, headers=headers).status_code == 200


def test_a_foreign_page_cannot_sign_a_browser_in(deployment: Deployment) -> None:
    refused = deployment.client().post(
        "/api/v2/users/login",
        json={"token": ADMIN_TOKEN},
        headers={"Origin": "https://evil.example"},
    )
    assert error_of(refused) == (403, "foreign_origin")


def test_the_sign_in_form_leads_on_to_where_one_wanted_to_go(deployment: Deployment) -> None:
    with deployment.client(**ORIGIN) as browser:
        page = browser.get("/login", params={"next": "/api/v2/users/me"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert 'value="/api/v2/users/me"' in page.text
        form = {"token": ADMIN_TOKEN, "next": "/api/v2/users/me"}
        response = browser.post("/api/v2/users/login", data=form)
        assert response.status_code == 303
        assert response.headers["location"] == f"{PUBLIC_URL}/api/v2/users/me"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nX: y", ""]
)
def test_the_sign_in_form_leads_nowhere_else(deployment: Deployment, target: str) -> None:
    form = {"token": ADMIN_TOKEN, "next": target}
    response = deployment.client(**ORIGIN).post("/api/v2/users/login", data=form)
    assert response.status_code == 200
    assert "location" not in response.headers
    assert "evil" not in response.text


def test_a_wrong_token_in_the_form_shows_the_form_again(deployment: Deployment) -> None:
    response = deployment.client(**ORIGIN).post(
        "/api/v2/users/login", data={"token": "wrong", "next": '/"><script>'}
    )
    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert "<script>" not in response.text
    assert "set-cookie" not in response.headers


def test_a_first_owner_is_made_once_and_keeps_every_chosen_token(deployment: Deployment) -> None:
    identity = deployment.services.identity
    again = identity.ensure_first_owner(ADMIN_TOKEN)
    other = identity.ensure_first_owner("another-token-chosen-by-hand-0123456789")
    assert again.id == other.id
    assert deployment.client("another-token-chosen-by-hand-0123456789").get(ME).status_code == 200


def test_a_session_begins_no_other_session(deployment: Deployment) -> None:
    """A stolen session could renew itself for ever."""
    with deployment.client() as browser:
        browser.post("/api/v2/users/login", json={"token": ADMIN_TOKEN}, headers=ORIGIN)
        session = browser.cookies["__Host-ciborium_session"]
    refused = deployment.client().post("/api/v2/users/login", json={"token": session})
    assert error_of(refused) == (401, "invalid_token")


def test_a_session_ends_with_the_token_that_began_it(deployment: Deployment) -> None:
    key = deployment.admin.post(f"{ME}/keys/tokens", json={"lifetime": 60}).json()["key"]
    with deployment.client() as browser:
        answer = browser.post("/api/v2/users/login", json={"token": key}, headers=ORIGIN)
        assert "Max-Age=60" in answer.headers["set-cookie"]
        session = browser.cookies["__Host-ciborium_session"]
    deployment.clock.advance(seconds=60)
    assert error_of(deployment.client(session).get(ME)) == (401, "invalid_token")


def test_a_form_with_too_many_fields_is_400(deployment: Deployment) -> None:
    fields = {f"a{number}": "1" for number in range(11)}
    refused = deployment.client(**ORIGIN).post("/api/v2/users/login", data=fields)
    assert error_of(refused) == (400, "invalid_body")


def test_the_sign_in_page_lets_the_browser_say_where_the_form_comes_from(
    deployment: Deployment,
) -> None:
    """With `no-referrer` a browser without Fetch Metadata sends `Origin: null`."""
    assert deployment.client().get("/login").headers["referrer-policy"] == "same-origin"
