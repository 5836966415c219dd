"""The main job's middle part in a real browser: signing in, connecting, the popup's message."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import text_of
from tests.support.local_stack import ADMIN_TOKEN, LocalRun
from tests.support.servers import SERVERS, create_server

LISTEN = "window.got = null; addEventListener('message', e => { got = [e.origin, e.data] });"
OPEN = "window.popup = window.open(arguments[0], '_blank', 'width=900,height=600');"


def test_a_person_signs_in_connects_and_the_popup_tells_its_opener(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    wait = WebDriverWait(browser, 20)
    with LocalRun(tmp_path, "--demo") as run, run.client() as admin:
        demo = re.search(r'"url":"(http://127\.0\.0\.1:\d+/mcp)"', run.output)
        assert demo
        server = create_server(admin, url=demo.group(1), auth_type="oauth2", enabled=True)
        connect = f"{run.url}{SERVERS}/{server['id']}/oauth2/connect"

        browser.get(connect)
        assert urlsplit(browser.current_url).path == "/login"
        browser.find_element(By.ID, "token").send_keys("wrong")
        browser.find_element(By.TAG_NAME, "button").click()
        wait.until(lambda it: it.find_elements(By.CSS_SELECTOR, "[role=alert]"))
        browser.find_element(By.ID, "token").send_keys(ADMIN_TOKEN)
        browser.find_element(By.TAG_NAME, "button").click()
        wait.until(lambda it: it.current_url.startswith(connect.replace("connect", "callback")))
        assert "You may close this window" in text_of(browser)
        assert admin.get(f"{SERVERS}/{server['id']}").json()["auth_connected"]

        browser.get(f"{run.url}/login")
        browser.execute_script(LISTEN + OPEN, connect)
        wait.until(lambda it: it.execute_script("return window.got"))
        message = {"type": "mcp-oauth2-complete", "serverID": server["id"]}
        assert browser.execute_script("return window.got") == [run.url, message]
        wait.until(lambda it: it.execute_script("return window.popup.closed"))

        # A stale callback is a readable page.
        browser.get(connect.replace("connect", "callback?code=x&state=y"))
        assert "Invalid or missing OAuth2 state parameter." in text_of(browser)
