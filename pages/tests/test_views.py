"""The shells: their languages, what they let browsers load, and what of Node's packages is served."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from chain.development import wallet
from contracts.tests.desk import Desk

PAGES = ["/", "/trade/sokemain", "/wallet", "/statement", "/pool", "/funds", "/mining"]
SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "js"


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    Desk("2803.371", code="sokemain", title="主流指数", sub_title="SOKE-MAIN")


def data(html: str, name: str) -> Any:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', html)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("path", PAGES)
def test_a_page_allows_nothing_from_elsewhere_and_nothing_inline(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    html = response.content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://(?!www\.tradingview\.com)", html)
    assert all("src=" in script or "application/json" in script for script in re.findall(r"<script[^>]*>", html))


@pytest.mark.parametrize("path", ["/admin/login/", "/api/docs", "/api/v1/contract/indexes"])
def test_what_brings_its_own_scripts_has_no_policy_of_ours(path: str) -> None:
    assert "Content-Security-Policy" not in Client().get(path)


def test_both_languages() -> None:
    chinese = Client().get("/").content.decode()
    assert '<html lang="zh-hans">' in chinese
    assert "主流指数" in chinese
    english = Client().get("/", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="en">' in english
    assert "主流指数" not in re.sub(r"<script.*?</script>", "", english)
    assert data(chinese, "texts").keys() == data(english, "texts").keys()
    assert data(english, "reasons")["insufficient_balance"] == "The balance is not sufficient."


def test_the_words_that_scripts_say_are_there() -> None:
    texts = data(Client().get("/").content.decode(), "texts")
    said = {word for file in SCRIPTS.glob("*.js") for word in re.findall(r'\bt\("(\w+)"', file.read_text())}
    assert len(said) > 100
    assert said <= texts.keys()


def test_the_demonstration_wallet_is_offered_on_the_development_chain_alone(settings) -> None:
    offered = data(Client().get("/").content.decode(), "config")["demonstration"]
    assert offered == [wallet(index).address for index in range(3, 10)]
    settings.DEMONSTRATION_WALLET = False
    assert data(Client().get("/").content.decode(), "config")["demonstration"] == []


def test_trade_leads_to_the_first_index() -> None:
    assert Client().get("/trade").headers["Location"] == "/trade/sokemain"


def test_an_unknown_index_is_a_page_that_says_so() -> None:
    response = Client().get("/trade/nothing", headers={"accept-language": "en"})
    assert response.status_code == 404
    assert "There is no such page." in response.content.decode()


def test_of_nodes_packages_only_what_is_named_is_served() -> None:
    assert finders.find("vendor/lightweight-charts.js")
    assert not finders.find("vendor/package.json")
    assert not finders.find("lightweight-charts/package.json")


def test_an_unknown_path_is_a_page_for_people_and_json_for_programs(db: None) -> None:
    people = Client().get("/nothing", headers={"accept": "text/html,*/*", "accept-language": "en"})
    assert (people.status_code, people["Content-Type"].split(";")[0]) == (404, "text/html")
    assert "There is no such page." in people.content.decode()
    for path, accept in (("/nothing", "*/*"), ("/api/v1/nothing", "text/html")):
        assert Client().get(path, headers={"accept": accept}).json()["reason"] == "unknown_path"
