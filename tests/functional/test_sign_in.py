"""Signing in through an OpenID Connect provider, and what must not work."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from chalicelib.encryption import Place
from chalicelib.encryption.fields import LOGIN_ACCESS_TOKEN, LOGIN_REFRESH_TOKEN
from tests.support import aws
from tests.support.deployment import PUBLIC_URL, Deployment, error_of
from tests.support.identity_provider import (
    CALLBACK,
    CLIENT_ID,
    ISSUER,
    OTHER_RSA,
    RSA,
    Office,
    Staff,
    in_the_past,
    start_office,
)
from tests.support.people import ME, ORIGIN, USERS, default_organization, new_person

START = "/api/v2/users/oidc/login"
FAILS = httpx.Response(503)
COOKIE = "__Host-ciborium_oidc_flow"


@pytest.fixture
def office(local_aws: None) -> Office:
    """A deployment whose people sign in at a provider, and become users by it."""
    return start_office()


def who(browser: httpx.Client) -> Any:
    """Who is signed in in a browser."""
    return browser.get(ME, headers={"Accept": "application/json"}).json()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status and code that a page of ours shows."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    return answer.status_code, answer.text.rpartition("<code>")[2].partition(" ")[0]


def test_a_person_signs_in_for_the_first_time_and_is_a_member(office: Office) -> None:
    with office.browser() as browser:
        page = office.sign_in(browser)
        assert page.status_code == 200
        assert "You are signed in" in page.text
        me = who(browser)
        assert browser.cookies["__Host-ciborium_session"]
        assert COOKIE not in browser.cookies
    assert (me["username"], me["email"], me["name"]) == (
        "jane-doe",
        "jane@example.com",
        "Jane Doe",
    )
    assert [role["name"] for role in me["roles"]] == ["member"]
    assert me["organization_ids"] == [default_organization(office.deployment)]


def test_the_sign_in_page_says_who_is_signed_in_and_lets_them_go_on(office: Office) -> None:
    with office.browser() as browser:
        assert "You are signed in" not in browser.get("/login").text
        office.sign_in(browser)
        page = browser.get("/login", params={"next": ME}).text
        assert "You are signed in as <b>jane-doe</b>." in page
        assert f'href="{PUBLIC_URL}{ME}">Go on</a>' in page
        assert "Go on" not in browser.get("/login").text
        user_id = who(browser)["id"]
        with office.deployment.admin as admin:
            admin.put(f"{USERS}/{user_id}/status/suspend").raise_for_status()
        assert "You are signed in" not in browser.get("/login").text


def test_a_page_about_a_sign_in_that_failed_leads_to_another(office: Office) -> None:
    with office.browser() as browser:
        office.internet.add_page(f"{ISSUER}/.well-known/openid-configuration", FAILS)
        for path in (f"{CALLBACK}?code=x&state=y", START):
            failed = browser.get(path)
            assert failed.status_code >= 400
            assert f'<a href="{PUBLIC_URL}/login">To the sign-in page</a>' in failed.text


def test_the_same_person_is_the_same_user_whatever_they_are_called_now(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
        before = who(browser)
    office.provider.person.email = "jane.married@example.com"
    office.provider.person.preferred_username = "jane2"
    with office.browser() as browser:
        office.sign_in(browser)
        assert who(browser) == before


def test_a_user_whom_an_admin_added_is_known_by_their_verified_address(office: Office) -> None:
    jane = new_person(office.deployment, "jane", email="Jane@Example.com", roles=["owner"])
    with office.browser() as browser:
        office.sign_in(browser)
        assert who(browser)["id"] == jane.id
        assert browser.get(USERS, headers={"Accept": "application/json"}).status_code == 200


def test_the_request_has_every_duty_fulfilled(office: Office) -> None:
    with office.browser() as browser:
        location = urlsplit(office.start(browser))
        query = dict(parse_qs(location.query))
        assert len(query.pop("state")[0]) == len(query.pop("nonce")[0]) == 43
        assert len(query.pop("code_challenge")[0]) == 43
        assert query == {
            "tenant": ["1"],
            "response_type": ["code"],
            "client_id": [CLIENT_ID],
            "redirect_uri": [PUBLIC_URL + CALLBACK],
            "code_challenge_method": ["S256"],
            "scope": ["openid profile email"],
        }


def test_the_cookie_of_a_sign_in_is_kept_to_this_host(office: Office) -> None:
    with office.browser() as browser:
        cookie = browser.get(START).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("Path=/", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"):
        assert attribute in cookie


def test_the_sign_in_page_has_the_button_and_passes_on_where_one_wants_to_go(
    office: Office, deployment: Deployment
) -> None:
    page = office.deployment.client().get("/login", params={"next": "/api/v2/users/me"})
    link = f'href="{PUBLIC_URL}{START}?next=%2Fapi%2Fv2%2Fusers%2Fme"'
    assert link in page.text
    assert START not in deployment.client().get("/login").text


def test_a_person_is_sent_on_to_where_they_wanted_to_go(office: Office) -> None:
    with office.browser() as browser:
        sent_on = office.sign_in(browser, "/api/v2/users/me?a=b")
        assert sent_on.status_code == 303
        assert sent_on.headers["location"] == f"{PUBLIC_URL}/api/v2/users/me?a=b"


def test_a_person_is_sent_nowhere_else(office: Office) -> None:
    evil = ("https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nX: y")
    for target in (*evil, "/" + "a" * 1024):
        with office.browser() as browser:
            page = office.sign_in(browser, target)
        assert page.status_code == 200, target
        assert "location" not in page.headers


def test_without_a_provider_both_ways_say_so(deployment: Deployment) -> None:
    for path in (START, CALLBACK):
        answer = deployment.client().get(path)
        assert error_of(answer) == (404, "oidc_not_configured")


# What an ID token says that it must not, or does not say that it must.
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "an issuer with a slash": {"iss": ISSUER + "/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "other audiences": {"aud": ["somebody-else", "and-another"]},
    "no audience": {"aud": None},
    "two audiences and no azp": {"aud": [CLIENT_ID, "another"]},
    "another azp": {"azp": "another"},
    "another azp of two": {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "no expiry": {"exp": None},
    "an expiry that is no number": {"exp": "never"},
    "no issuance": {"iat": None},
    "issued in the future": {"iat": 4_000_000_000},
    "not valid yet": {"nbf": 4_000_000_000},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is no text": {"sub": 7},
    "a subject too long": {"sub": "x" * 256},
}


def assert_nobody_signed_in(office: Office, answer: httpx.Response, code: str) -> None:
    status = 502 if code.startswith("oidc_") else 403
    assert refusal(answer) == (status, code)
    assert "ciborium_session" not in str(answer.headers.get_list("set-cookie"))
    with office.deployment.admin as admin:
        assert [each["username"] for each in admin.get(USERS).json()["users"]] == ["admin"]


def test_an_id_token_that_is_not_for_us_proves_nothing(office: Office) -> None:
    got = {}
    for wrong, changes in WRONG_CLAIMS.items():
        office.provider.changes = changes
        with office.browser() as browser:
            answer = office.sign_in(browser)
        got[wrong] = refusal(answer)
    assert got == dict.fromkeys(WRONG_CLAIMS, (502, "oidc_id_token_invalid"))
    assert_nobody_signed_in(office, answer, "oidc_id_token_invalid")


def test_an_expired_id_token_proves_nothing_beyond_a_minute(office: Office) -> None:
    for seconds, status in ((59, 200), (60, 502)):
        expiry = in_the_past(office.deployment.clock, seconds=seconds)
        office.provider.changes = {"exp": expiry}
        with office.browser() as browser:
            assert office.sign_in(browser).status_code == status


def test_two_audiences_with_our_azp_are_fine(office: Office) -> None:
    office.provider.changes = {"aud": ["another", CLIENT_ID], "azp": CLIENT_ID}
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


# Key, algorithm, header.
WRONG_SIGNATURES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "none": (RSA, "none", {}),
    "our secret": (OctKey.import_key("s3cret %&+" * 4), "HS256", {"kid": "rsa-1"}),
    "another key": (OTHER_RSA, "RS256", {"kid": "rsa-1"}),
    "an unknown key": (OTHER_RSA, "RS256", {}),
    "an algorithm that the provider does not use": (RSA, "PS256", {}),
}


def test_an_id_token_with_another_signature_proves_nothing(office: Office) -> None:
    provider, got = office.provider, {}
    for wrong, (key, algorithm, header) in WRONG_SIGNATURES.items():
        with office.browser() as browser:
            answer_to = provider.authorize(office.start(browser))
            provider.key, provider.algorithm, provider.header = key, algorithm, header
            answer = browser.get(answer_to)
        got[wrong] = refusal(answer)
    assert got == dict.fromkeys(WRONG_SIGNATURES, (502, "oidc_id_token_invalid"))
    assert_nobody_signed_in(office, answer, "oidc_id_token_invalid")


def test_what_is_no_id_token_proves_nothing(office: Office) -> None:
    for token in ("", "a.b.c", "e30.e30.", "x" * 5000):
        answer = {"access_token": "x", "token_type": "Bearer", "id_token": token}
        office.internet.add_page(f"{ISSUER}/token", answer)
        with office.browser() as browser:
            refused = office.sign_in(browser)
        assert refused.status_code == 502, token
        assert "ciborium_session" not in str(refused.headers.get_list("set-cookie"))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "PS256"),
        (ECKey.generate_key("P-256", {"kid": "ec"}), "ES256"),
        (ECKey.generate_key("P-384", {"kid": "ec"}), "ES384"),
        (OKPKey.generate_key("Ed25519", {"kid": "ed"}), "Ed25519"),
    ],
)
def test_every_algorithm_that_a_public_key_verifies_is_known(
    office: Office, key: Any, algorithm: str
) -> None:
    provider = office.provider
    provider.key, provider.algorithm, provider.published = key, algorithm, [key]
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


def test_a_lone_key_needs_no_name(office: Office) -> None:
    office.provider.header = {"kid": None}
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


def test_metadata_and_keys_are_read_once_an_hour_and_keys_anew_when_they_changed(
    office: Office,
) -> None:
    documents = [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/jwks"]

    def read() -> list[str]:
        office.internet.requests.clear()
        with office.browser() as browser:
            assert office.sign_in(browser).status_code == 200
        return office.internet.urls

    assert read() == documents
    assert read() == []
    office.provider.key, office.provider.published = OTHER_RSA, [OTHER_RSA]
    assert read() == documents[1:]
    office.deployment.clock.advance(hours=1)
    assert read() == documents


def test_a_key_that_stays_unknown_is_asked_for_once_more_and_no_oftener(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
    office.provider.key = OTHER_RSA
    office.internet.requests.clear()
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 502
    assert office.internet.urls == [f"{ISSUER}/jwks"]


def test_claims_that_are_in_user_info_only_are_read_there(office: Office) -> None:
    office.provider.claims_in_id_token = False
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200
        assert who(browser)["email"] == "jane@example.com"


def test_user_info_about_somebody_else_proves_nothing(office: Office) -> None:
    office.provider.claims_in_id_token = False
    office.provider.userinfo_changes = {"sub": "another", "email": "admin@localhost"}
    with office.browser() as browser:
        answer = office.sign_in(browser)
    assert_nobody_signed_in(office, answer, "oidc_id_token_invalid")


def test_an_address_that_is_not_verified_links_nobody(office: Office) -> None:
    """Else whoever types an owner's address at the provider would be the owner."""
    for verified in (False, None, "false", 1, "yes"):
        office.provider.person = Staff(email="admin@localhost", email_verified=verified)
        with office.browser() as browser:
            answer = office.sign_in(browser)
        assert_nobody_signed_in(office, answer, "email_not_verified")


def test_a_linked_person_needs_no_verified_address_any_more(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
    office.provider.person.email_verified = False
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


def test_some_providers_say_true_in_a_text(office: Office) -> None:
    office.provider.person.email_verified = "true"
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


def test_only_people_of_allowed_domains_sign_in(local_aws: None) -> None:
    office = start_office(CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS="example.com, Example.org")
    for domain in ("evil.example", "sub.example.com", "notexample.com"):
        office.provider.person.email = f"jane@{domain}"
        with office.browser() as browser:
            assert_nobody_signed_in(office, office.sign_in(browser), "email_domain_not_allowed")
    for number, domain in enumerate(("example.com", "EXAMPLE.org")):
        office.provider.person = Staff(sub=str(number), email=f"jane@{domain}")
        with office.browser() as browser:
            assert office.sign_in(browser).status_code == 200


def test_a_domain_counts_at_every_sign_in_and_only_if_it_is_verified(local_aws: None) -> None:
    office = start_office(CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS="example.com")
    with office.browser() as browser:
        office.sign_in(browser)
    for change, code in (
        ({"email_verified": False}, "email_not_verified"),
        ({"email": "jane@gone.example"}, "email_domain_not_allowed"),
    ):
        office.provider.changes = change
        with office.browser() as browser:
            assert refusal(office.sign_in(browser)) == (403, code)


def test_where_users_are_added_by_admins_only_others_are_refused(local_aws: None) -> None:
    office = start_office(CIBORIUM_OIDC_CREATE_USERS="off")
    with office.browser() as browser:
        answer = office.sign_in(browser)
    assert_nobody_signed_in(office, answer, "sign_up_disabled")
    new_person(office.deployment, "jane")
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


def test_an_address_that_was_given_to_somebody_new_does_not_make_them_the_old_user(
    office: Office,
) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
    office.provider.person = Staff(sub="another-person")
    with office.browser() as browser:
        assert refusal(office.sign_in(browser)) == (403, "login_mismatch")


def test_a_suspended_person_is_refused_until_they_are_active_again(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
        one = f"{USERS}/{who(browser)['id']}"
        with office.deployment.admin as admin:
            admin.put(f"{one}/status/suspend").raise_for_status()
            assert error_of(browser.get(ME, headers={"Accept": "*/*"})) == (401, "invalid_token")
            assert refusal(office.sign_in(browser)) == (403, "locked_out")
            admin.put(f"{one}/status/activate").raise_for_status()
        assert office.sign_in(browser).status_code == 200


def test_a_deleted_person_comes_back_with_nothing_of_what_they_had(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
        before = who(browser)
        assert office.deployment.admin.delete(f"{USERS}/{before['id']}").status_code == 204
        assert rows_with(before["id"]) == 0
        office.sign_in(browser)
        assert who(browser)["id"] != before["id"]


def test_a_deleted_person_does_not_come_back_where_admins_add_users(local_aws: None) -> None:
    office = start_office(CIBORIUM_OIDC_CREATE_USERS="off")
    jane = new_person(office.deployment, "jane")
    with office.browser() as browser:
        office.sign_in(browser)
        office.deployment.admin.delete(jane.path)
        assert refusal(office.sign_in(browser)) == (403, "sign_up_disabled")


def rows_with(text: str) -> int:
    table = aws.client("dynamodb").scan(TableName=f"ciborium-{aws.STAGE}-identity")
    return sum(text in str(item) for item in table["Items"])


def test_a_taken_user_name_is_varied(office: Office) -> None:
    new_person(office.deployment, "jane-doe", email="other@example.com")
    with office.browser() as browser:
        office.sign_in(browser)
        assert who(browser)["username"].startswith("jane-doe-")


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [("", "jane"), ("Jörg.Müller!", "J-rg-M-ller"), ("---", "user"), ("x" * 100, "x" * 24)],
)
def test_a_user_name_is_made_of_what_there_is(
    office: Office, preferred: str, expected: str
) -> None:
    office.provider.person.preferred_username = preferred
    with office.browser() as browser:
        office.sign_in(browser)
        assert who(browser)["username"] == expected


def test_the_providers_tokens_are_kept_sealed_and_go_with_the_user(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
        user_id = who(browser)["id"]
    items = aws.client("dynamodb").scan(TableName=f"ciborium-{aws.STAGE}-identity")["Items"]
    assert "login-access-token" not in str(items)
    (item,) = (each for each in items if each["SK"]["S"] == "login")
    vault = office.deployment.services.sign_in._vault
    for name, field, token in (
        ("access_token", LOGIN_ACCESS_TOKEN, "login-access-token"),
        ("refresh_token", LOGIN_REFRESH_TOKEN, "login-refresh-token"),
    ):
        assert vault.open(item[name]["B"], Place(field, user_id, user_id)) == token


def test_a_person_who_refuses_at_the_provider_reads_so(office: Office) -> None:
    office.provider.denies = True
    with office.browser() as browser:
        answer = office.sign_in(browser)
    assert refusal(answer) == (403, "oidc_provider_refused")
    assert "access_denied: The person &lt;b&gt;said&lt;/b&gt; no." in answer.text


def changed(url: str, **query: str | None) -> httpx.URL:
    parameters = {**dict(httpx.URL(url).params), **query}
    kept = {name: value for name, value in parameters.items() if value is not None}
    return httpx.URL(url).copy_with(params=kept)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"state": "x" * 43}, "oidc_invalid_state"),
        ({"state": None}, "oidc_invalid_state"),
        ({"state": "é"}, "oidc_invalid_state"),
        ({"code": None}, "oidc_invalid_state"),
        ({"iss": "https://evil.example"}, "oauth2_wrong_issuer"),
        ({"iss": None}, "oauth2_wrong_issuer"),
        ({"code": None, "state": "x", "error": "evil-text"}, "oidc_invalid_state"),
        ({"code": "another"}, "oidc_provider_unusable"),
    ],
)
def test_an_answer_that_is_not_the_providers_to_this_browser_signs_nobody_in(
    office: Office, query: dict[str, str | None], code: str
) -> None:
    with office.browser() as browser:
        answer_to = office.provider.authorize(office.start(browser))
        answer = browser.get(changed(answer_to, **query))
    assert answer.status_code in {400, 502}
    assert refusal(answer)[1] == code
    assert "evil-text" not in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert [each.partition("=")[0] for each in cookies] == [COOKIE]
    assert "Max-Age=0" in cookies[0]


def test_another_browser_cannot_finish_a_sign_in(office: Office) -> None:
    with office.browser() as browser, office.browser() as other:
        answer_to = office.provider.authorize(office.start(browser))
        assert refusal(other.get(answer_to)) == (400, "oidc_invalid_state")
        office.start(other)
        assert refusal(other.get(answer_to)) == (400, "oidc_invalid_state")


def test_a_sign_in_is_given_up_after_ten_minutes(office: Office) -> None:
    with office.browser() as browser:
        answer_to = office.provider.authorize(office.start(browser))
        office.deployment.clock.advance(seconds=600)
        assert refusal(browser.get(answer_to)) == (400, "oidc_invalid_state")


def test_a_sign_in_is_finished_once(office: Office) -> None:
    with office.browser() as browser:
        answer_to = office.provider.authorize(office.start(browser))
        assert browser.get(answer_to).status_code == 200
        assert refusal(browser.get(answer_to)) == (400, "oidc_invalid_state")


def test_a_provider_that_breaks_a_rule_is_not_asked(office: Office) -> None:
    for changes in (
        {"issuer": ISSUER + "/"},
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://id.example/auth"},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": "http://id.example/jwks"},
        {"userinfo_endpoint": "http://id.example/me"},
        {"jwks_uri": None},
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    ):
        office.provider.metadata_changes = changes
        with office.browser() as browser:
            assert refusal(browser.get(START)) == (502, "oidc_provider_unusable"), changes


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/me", "/token"])
def test_a_provider_that_answers_nonsense_is_a_readable_502(office: Office, path: str) -> None:
    office.provider.claims_in_id_token = False
    for page in (
        httpx.Response(500),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"[" * 50_000),
    ):
        office.internet.add_page(ISSUER + path, page)
        with office.browser() as browser:
            answer = browser.get(START)
            if answer.status_code == 303:
                answer = browser.get(office.provider.authorize(answer.headers["location"]))
        assert refusal(answer) == (502, "oidc_provider_unusable")


def test_keys_that_cannot_be_used_are_a_readable_502(office: Office) -> None:
    unusable: list[Any] = [
        [],
        {},
        [7, None, "x"],
        [{"kty": "RSA"}, {"kty": "EC", "crv": "P-0"}, {"kty": "new"}],
        [{"kty": "oct", "k": "AAAA", "kid": "rsa-1"}],
        [{**RSA.as_dict(private=False), "use": "enc"}],
    ]
    for keys in unusable:
        office.internet.add_page(f"{ISSUER}/jwks", {"keys": keys})
        with office.browser() as browser:
            assert refusal(office.sign_in(browser)) == (502, "oidc_provider_unusable"), keys


def test_a_key_that_cannot_be_used_does_not_spoil_the_others(office: Office) -> None:
    keys = [{"kty": "new", "kid": "x"}, {"kty": "RSA"}, RSA.as_dict(private=False)]
    office.internet.add_page(f"{ISSUER}/jwks", {"keys": keys})
    with office.browser() as browser:
        assert office.sign_in(browser).status_code == 200


def test_a_private_network_is_out_of_reach_for_the_provider_too(local_aws: None) -> None:
    office = start_office(CIBORIUM_OIDC_ISSUER="https://10.0.0.1")
    with office.browser() as browser:
        assert refusal(browser.get(START)) == (502, "oidc_provider_unusable")


def test_a_session_from_the_provider_signs_out_like_any_other(office: Office) -> None:
    with office.browser() as browser:
        office.sign_in(browser)
        listed = browser.get(f"{ME}/keys/tokens").json()
        assert [(each["kind"], each["scopes"]) for each in listed] == [("session", ["all"])]
        assert browser.post(f"{USERS}/logout", headers=ORIGIN).status_code == 200
        assert browser.get(ME, headers={"Accept": "*/*"}).status_code == 401


def test_programs_read_the_same_refusals_as_json(office: Office) -> None:
    answer = office.deployment.client().get(f"{CALLBACK}?code=x&state=y")
    assert error_of(answer) == (400, "oidc_invalid_state")


def test_a_client_whose_provider_wants_the_secret_in_the_body_sends_it_there(
    local_aws: None,
) -> None:
    office = start_office()
    office.provider.metadata_changes = {
        "token_endpoint_auth_methods_supported": ["client_secret_post"]
    }
    sent: list[bytes] = []

    def token(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(400)

    office.internet.add_page(f"{ISSUER}/token", token)
    with office.browser() as browser:
        office.sign_in(browser)
    form = parse_qs(sent[0].decode())
    assert (form["client_id"], form["client_secret"]) == ([CLIENT_ID], ["s3cret %&+"])


def test_a_key_type_that_does_not_fit_the_algorithm_proves_nothing(office: Office) -> None:
    office.provider.metadata_changes = {"id_token_signing_alg_values_supported": ["ES256"]}
    assert isinstance(RSA, RSAKey)
    with office.browser() as browser:
        answer = office.sign_in(browser)
    assert_nobody_signed_in(office, answer, "oidc_id_token_invalid")
