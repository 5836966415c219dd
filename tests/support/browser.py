"""A real browser: a headless Chromium with a profile of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

IS_INSTALLED = bool(_CHROMIUM and _DRIVER)


@contextmanager
def open_browser() -> Iterator[webdriver.Chrome]:
    """A browser, closed in the end."""
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM or ""
    for flag in _FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def text_of(browser: webdriver.Chrome) -> str:
    """What the page says."""
    return browser.find_element(By.TAG_NAME, "body").text
