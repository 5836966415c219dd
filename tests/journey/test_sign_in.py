"""Signing in with a real browser at a real OpenID Connect provider, and being suspended."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import text_of
from tests.support.local_stack import LocalRun
from tests.support.loopback import LoopbackServer
from tests.support.node_peers import running_identity_provider
from tests.support.plain_server import PlainServer
from tests.support.servers import SERVERS, create_server

CALLBACK = "/api/v2/users/oidc/callback"
ME = "/api/v2/users/me"


def settings_for(issuer: str) -> dict[str, str]:
    return {
        "CIBORIUM_OIDC_ISSUER": issuer,
        "CIBORIUM_OIDC_CLIENT_ID": "ciborium",
        "CIBORIUM_OIDC_CLIENT_SECRET": "idp-client-secret-for-tests",
        "CIBORIUM_OIDC_CREATE_USERS": "on",
    }


def press_the_button(browser: webdriver.Chrome, run: LocalRun) -> None:
    browser.get(f"{run.url}/login?next={ME}")
    browser.find_element(By.ID, "provider").click()


def sign_in_at_the_provider(browser: webdriver.Chrome, issuer: str) -> None:
    """Its own two pages: who one is, and that Ciborium may know."""
    WebDriverWait(browser, 20).until(lambda it: it.current_url.startswith(issuer))
    browser.find_element(By.NAME, "login").send_keys("mara")
    browser.find_element(By.NAME, "password").send_keys("any password")
    browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    WebDriverWait(browser, 20).until(lambda it: not it.find_elements(By.NAME, "password"))
    browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()


def test_a_person_signs_in_at_the_provider_and_is_out_at_once_when_suspended(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    wait = WebDriverWait(browser, 20)
    run = LocalRun(tmp_path)
    with running_identity_provider(run.url + CALLBACK) as issuer:
        run.configure(**settings_for(issuer), CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS="example.com")
        with run, run.client() as admin:
            press_the_button(browser, run)
            sign_in_at_the_provider(browser, issuer)
            wait.until(lambda it: it.current_url == run.url + ME)
            for text in ('"username":"mara"', '"email":"mara@example.com"', '"name":"Mara"'):
                assert text in text_of(browser)

            (mara,) = admin.get("/api/v2/users", params={"q": "mara"}).json()["users"]
            admin.put(f"/api/v2/users/{mara['id']}/status/suspend").raise_for_status()
            browser.refresh()
            assert "invalid_token" in text_of(browser)
            press_the_button(browser, run)  # The provider still knows them, and asks nothing.
            wait.until(lambda it: it.current_url.startswith(run.url + CALLBACK))
            assert "Your account is suspended. Ask an admin." in text_of(browser)

            admin.put(f"/api/v2/users/{mara['id']}/status/activate").raise_for_status()
            press_the_button(browser, run)
            wait.until(lambda it: it.current_url == run.url + ME)
            assert mara["id"] in text_of(browser)

            # A stale answer of the provider is a readable page.
            browser.get(f"{run.url}{CALLBACK}?code=x&state=y")
            assert "Sign in again." in text_of(browser)
            browser.find_element(By.LINK_TEXT, "To the sign-in page").click()
            assert "You are signed in as mara." in text_of(browser)


@pytest.fixture
def plain() -> Iterator[tuple[PlainServer, str]]:
    """An MCP server on loopback that remembers which tokens it was sent, and its URL."""
    server = PlainServer()
    loopback = LoopbackServer(server.respond)
    yield server, loopback.url("/mcp")
    loopback.close()


def test_a_sign_in_s_token_is_renewed_at_the_provider_and_sent_to_the_server(
    browser: webdriver.Chrome, tmp_path: Path, plain: tuple[PlainServer, str]
) -> None:
    """The provider's access tokens expire so soon that each use renews one, and it rotates."""
    server, url = plain
    run = LocalRun(tmp_path)
    with running_identity_provider(run.url + CALLBACK) as issuer:
        scopes = "openid profile email offline_access"
        run.configure(**settings_for(issuer), CIBORIUM_OIDC_SCOPES=scopes)
        with run, run.client() as admin:
            press_the_button(browser, run)
            sign_in_at_the_provider(browser, issuer)
            WebDriverWait(browser, 20).until(lambda it: it.current_url == run.url + ME)
            created = create_server(admin, auth_type="user_oidc", enabled=True, url=url)
            (mara,) = admin.get("/api/v2/users", params={"q": "mara"}).json()["users"]
            key = admin.post(f"/api/v2/users/{mara['id']}/keys/tokens", json={}).json()["key"]
            as_mara = {"Authorization": f"Bearer {key}"}
            for _ in range(3):
                path = f"{SERVERS}/{created['id']}/tools?refresh=true"
                admin.get(path, headers=as_mara).raise_for_status()
            sent = list(dict.fromkeys(each["Authorization"] for each in server.seen))
            assert len(sent) == 3, "each use has a new one"
            told = httpx.get(f"{issuer}/me", headers={"Authorization": sent[-1]})
            assert told.json()["sub"] == "mara"
