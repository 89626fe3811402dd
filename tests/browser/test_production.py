"""Production's settings, on the engines of a running platform: what is missing stops the start, what is collected is
small and keeps, and the pages work from it."""

import gzip
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from launcher import ports
from launcher.environment import ROOT, python
from tests.browser.visitor import Visitor
from tests.e2e.running import Platform, wait_for

pytestmark = pytest.mark.slow

REQUIRED = (
    "SOKE_SECRET_KEY",
    "SOKE_JWT_KEY",
    "SOKE_DOMAIN",
    "DATABASE_URL",
    "REDIS_URL",
    "CHAIN_RPC_URL",
    "CHAIN_ID",
    "CHAIN_TOKEN_ADDRESS",
    "CHAIN_RECEIVING_ADDRESS",
)
# As the proxy in front would say.
_HTTPS = {"X-Forwarded-Proto": "https"}
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def settings(**values: str) -> dict[str, str]:
    """A production environment, of the engines `values` name."""
    return {
        "PATH": "/usr/bin:/bin",
        "SOKE_ENV": "production",
        "SOKE_SECRET_KEY": "s" * 60,
        "SOKE_JWT_KEY": "j" * 64,
        "SOKE_DOMAIN": "127.0.0.1",
        "SOKE_HOSTS": "127.0.0.1",
        "SOKE_PROXIES": "1",
        "DATABASE_URL": "postgres://soke@127.0.0.1:1/soke",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "CHAIN_RPC_URL": "http://127.0.0.1:1",
        "CHAIN_ID": "1",
        "CHAIN_TOKEN_ADDRESS": "0xdAC17F958D2ee523a2206206994597C13D831ec7",
        "CHAIN_RECEIVING_ADDRESS": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        **values,
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_stops_the_start_and_is_named(name: str) -> None:
    environment = settings()
    del environment[name]
    done = subprocess.run(
        [python(), "-c", "import soke_project.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"{name} is not set." in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def site(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web process as docs/deploy.md starts it, with its files collected; its address."""
    engines = {name: platform.stack.environment[name] for name in ("DATABASE_URL", "REDIS_URL", "CHAIN_RPC_URL")}
    directory = tmp_path_factory.mktemp("production")
    port = ports.choose()
    # The chain is the development one, and the browser says that it came without the TLS that the headers claim.
    environment = settings(
        **engines,
        CHAIN_ID="31337",
        SOKE_DATA_DIR=str(directory),
        SOKE_ORIGINS=f"http://127.0.0.1:{port}",
    )
    subprocess.run(
        [python(), "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    words = [
        *("soke_project.asgi:application", "--host", "127.0.0.1", "--port", str(port)),
        *("--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "65536"),
        *("--no-proxy-headers", "--no-access-log", "--timeout-graceful-shutdown", "3"),
    ]
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            [Path(python()).parent / "uvicorn", *words], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for("the site answers", lambda: get(f"{url}/healthz")[0] == 200)
            yield url
        finally:
            process.terminate()
            process.wait(15)


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by their small names, and the body as it came."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with _direct.open(request, timeout=10) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def test_pages_from_collected_files_are_small_and_without_an_error(site: str, browser: Browser) -> None:
    visitor = Visitor(browser, site, extra_http_headers=_HTTPS)
    loaded: dict[str, int] = {}
    page = visitor.page
    page.on("response", lambda answer: loaded.update({answer.url: answer.request.sizes()["responseBodySize"]}))
    for path, most in (("/", 100_000), ("/trade/sokemain", 150_000)):
        loaded.clear()
        visitor.go(path)
        page.wait_for_load_state("networkidle")
        own = [url for url in loaded if "/static/" in url]
        assert any("/static/js/app." in url for url in own)
        for url in own:
            _status, headers, body = get(url, **{"Accept-Encoding": "gzip"})
            assert "immutable" in headers["cache-control"], url
            # Named by its content, so that nobody ever reads an old module beside a new one.
            assert len(url.rpartition("/")[2].split(".")) == 3, url
            if headers.get("content-encoding") == "gzip":
                assert gzip.decompress(body)
        assert sum(loaded.values()) < most, loaded
    expect(page.locator("#legend")).to_contain_text("C ")
    before = page.locator("#last").inner_text()
    expect(page.locator("#last")).not_to_have_text(before)
    # Made-up prices are said to be; a wallet whose keys everybody knows is not offered.
    expect(page.get_by_text("Simulated prices")).to_be_visible()
    page.locator("#account").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#demonstration-account")).to_have_count(0)
    visitor.leave()


def test_the_demonstration_wallet_is_not_there(site: str) -> None:
    assert get(f"{site}/demonstration/rpc")[0] in (404, 405)
    request = urllib.request.Request(
        f"{site}/demonstration/rpc", b'{"id":1,"method":"eth_chainId"}', {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _direct.open(request, timeout=10)


def test_what_a_browser_is_told_over_https(site: str) -> None:
    _status, headers, _body = get(f"{site}/", **_HTTPS)
    assert "max-age=31536000" in headers["strict-transport-security"]
    assert "Secure" in headers["set-cookie"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert get(f"{site}/", Host="elsewhere.example", **_HTTPS)[0] == 400


def test_the_back_office_asks_for_a_second_factor(site: str, platform: Platform, browser: Browser) -> None:
    code = "from django.contrib.auth.models import User; User.objects.create_superuser('prod', password='a long one 1')"
    platform.manage("shell", "-c", code)
    context = browser.new_context(locale="zh-CN", extra_http_headers=_HTTPS)
    page = context.new_page()
    problems: list[str] = []
    page.on("response", lambda got: problems.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{site}/admin/")
    page.fill("input[name=username]", "prod")
    page.fill("input[name=password]", "a long one 1")
    page.keyboard.press("Enter")
    expect(page.locator("input[name=code]")).to_be_visible()
    page.goto(f"{site}/admin/ledger/transfer/")
    expect(page.locator("#result_list")).to_have_count(0)
    context.close()
    assert not problems
