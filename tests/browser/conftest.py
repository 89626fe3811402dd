"""A real Chromium against the application served by daphne."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections
from playwright.sync_api import Browser, Page, sync_playwright

from launcher import ports
from tests.e2e.running import Platform, running

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Without these Chromium calls home at every start.
QUIET = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]


# Playwright keeps an event loop in this thread as long as it lives, which other tests must not find.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("SOKE_REQUIRE_BROWSER"):
            pytest.fail("Chromium is missing and SOKE_REQUIRE_BROWSER forbids to go on without it.")
        pytest.skip("CHROMIUM IS MISSING: the browser tests did not run. Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
    # Django keeps other connections outside of a loop than inside; these lost their database with the last test.
    connections.close_all()


# Not longer than these tests: those of tests/e2e have one of their own, and measure it.
@pytest.fixture(scope="package")
def platform() -> Iterator[Platform]:
    """The whole of it, running beside; the modules that need it share it."""
    with running() as platform:
        yield platform


@pytest.fixture
def served(committed: None) -> Iterator[str]:
    """The platform's web process on the test database; its address."""
    port = ports.choose()
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {**os.environ, "DATABASE_URL": url, "SOKE_PORT": str(port)}
    command = [Path(sys.executable).parent / "daphne", "-p", str(port), "-v", "0", "soke_project.asgi:application"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not write an error to its console."""
    context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("response", lambda response: problems.append(response.url) if response.status >= 400 else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert not problems
