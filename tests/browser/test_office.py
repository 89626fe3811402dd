"""The operators' pages in a real Chromium, at a desk and on a phone: nothing overflows, nothing is cut off, nothing is
left in English, axe-core finds nothing. With SOKE_PICTURES a directory gets the handbook's pictures."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Session
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts import bans
from accounts.models import Client
from backoffice import samples
from backoffice.models import DayFlow, Sample
from contracts.models import DayVolume
from contracts.rules import BUY, SELL
from indexes.models import Basket, Index
from payments.models import ScanCursor, Withdrawal
from payments.services import withdrawals
from popups.models import Popup
from tests.browser.looking import AXE, overflowing, untranslated, violations
from tests.conftest import Trader, new_trader, open_desk, order_form

pytestmark = pytest.mark.slow
WIDTHS = {"desk": 1440, "phone": 390}
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def trader(committed: None) -> Trader:
    """A platform on an ordinary day."""
    desk = open_desk()
    trader, other = new_trader(desk, "50000"), new_trader(desk, "20000")
    desk.trade(trader.id, BUY, 900, "2803.371")
    desk.trade(other.id, SELL, 400, "2811.02")
    trader.post("contract/order/create", order_form(desk, price_type="limit", price="2700.5"))
    for amount, who in (("120.5", trader), ("1500", trader), ("80", other)):
        withdrawals.request_withdrawal(client_id=who.id, amount=Decimal(amount))
    samples.take_sample()
    samples.sum_up_lately()
    now = timezone.now().replace(second=0, microsecond=0)
    Sample.objects.bulk_create(
        Sample(
            at=now - timezone.timedelta(minutes=10 * back),
            equity=Decimal(100_000 + 37 * (back % 23) - 11 * back),
            reserved=Decimal(15_000 + 113 * (back % 17)),
            unrealised=0,
            open_interest=0,
        )
        for back in range(1, 140)
    )
    Index.objects.update(max_open_interest=100_000)
    for back in range(1, 14):
        day = timezone.localdate() - timezone.timedelta(days=back)
        DayVolume.objects.create(index_id=desk.index.id, day=day, volume=900 + 137 * (back * 5 % 7))
        flows = {"fee_revenue": 9 + back % 4, "deposit": 30_000 + 7000 * (back % 5), "withdrawal": 4000 * (back % 6)}
        for kind, amount in flows.items():
            DayFlow.objects.create(day=day, kind=kind, amount=amount, transfers=1)
    ScanCursor.objects.create(chain_id=31337, block_number=1289, block_hash="0x" + "5a" * 32, block_time=now)
    Popup.objects.create(
        kind="update",
        title="更新提醒",
        content="发现新版本，请立即更新!",
        is_cancel=False,
        buttons=[{"name": "立即更新", "type": "url", "value": "https://testflight.apple.com/join/kEf897k0"}],
        version_to="1.4.1",
    )
    proposer = User.objects.create_superuser("li", password=PASSWORD)
    Client.objects.filter(pk=other.id).update(banned_at=now, banned_by="li", ban_reason="刷单")
    bans.propose_unban(client_id=other.id, reason="申诉核实无误", operator=proposer)
    large = Withdrawal.objects.get(amount=1500)
    withdrawals.approve(withdrawal_id=large.pk, operator=proposer, reason="余额与流水相符")
    return trader


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser, served: str, trader: Trader) -> Iterator[Page]:
    """A signed-in operator's page that must not write an error to its console."""
    width = WIDTHS[request.param]
    context = browser.new_context(
        base_url=served, locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": width, "height": 900}
    )
    session = Session()
    session.force_login(User.objects.create_superuser("wang", password=PASSWORD))
    cookie: Any = {"name": "sessionid", "value": session.cookies["sessionid"].value, "url": served}
    context.add_cookies([cookie])
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("response", lambda response: problems.append(response.url) if response.status >= 400 else None)
    page.on("pageerror", lambda error: problems.append(f"{error} {error.stack}"))
    yield page
    context.close()
    assert not problems


def looks_right(page: Page, name: str, allowed: tuple[str, ...] = ()) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1100)  # the last of access.js's looks
    if folder := os.environ.get("SOKE_PICTURES"):
        width = (page.viewport_size or {"width": 0})["width"]
        suffix = "" if width == WIDTHS["desk"] else "-phone"
        path = Path(folder) / f"{name}{suffix}.png"
        # As high as the page, so that the bar at the window's foot covers nothing; but no higher than is read.
        height = min(page.evaluate("document.documentElement.scrollHeight"), 1320 if width > 1000 else 2000)
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("document.querySelector('#main')?.scrollIntoView()")
        page.wait_for_timeout(500)  # until the scroll bars have measured anew
        page.screenshot(path=path, animations="disabled")
        page.set_viewport_size({"width": width, "height": 900})
    assert overflowing(page) == []
    assert untranslated(page, allowed) == []
    assert violations(page) == []


def test_axe_is_there() -> None:
    assert AXE.is_file(), "npm ci installs axe-core"


def test_dashboard(page: Page) -> None:
    page.goto("/admin/")
    expect(page.get_by_text("资金池权益", exact=True)).to_be_visible()
    expect(page.locator("svg.office-chart")).to_have_count(4)
    looks_right(page, "dashboard")


def test_approvals_queue(page: Page) -> None:
    page.goto("/admin/operations/approval/")
    expect(page.get_by_text("申诉核实无误").first).to_be_visible()
    looks_right(page, "approvals")


def test_withdrawals_queue(page: Page) -> None:
    page.goto("/admin/payments/withdrawal/")
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(3)
    looks_right(page, "withdrawals")
    rows.filter(has_text="120.5").locator("input.action-select").check()
    page.locator("select[name=action]").select_option("reject")
    page.locator("input[name=reason]").fill("地址有误")
    page.locator("button[name=index]").click()
    expect(page.get_by_text("地址有误").first).to_be_visible()
    assert Withdrawal.objects.get(amount=Decimal("120.5")).status == Withdrawal.Status.REJECTED


def test_index_form_refuses_terms_as_a_whole(page: Page) -> None:
    index = Index.objects.get(code="sokemain")
    page.goto(f"/admin/indexes/index/{index.pk}/change/")
    looks_right(page, "index")
    page.fill("#id_mmr", "0.03")
    page.locator("[name=_save]").click()
    expect(page.get_by_text("不得超过 1 / 杠杆").first).to_be_visible()
    looks_right(page, "index-refused")


def test_a_basket_is_previewed(page: Page) -> None:
    basket = Basket.objects.get(index__code="sokemain")
    page.goto("/admin/indexes/basket/add/")
    page.locator("#id_index").evaluate(
        "(select, id) => { select.value = id; select.dispatchEvent(new Event('change')) }", str(basket.index_id)
    )
    page.fill("#id_constituents-0-symbol", "SOKEMAIN")
    page.fill("#id_constituents-0-weight", "2")
    page.click("#basket-preview-button")
    expect(page.locator("#basket-preview")).to_contain_text("2811.02")
    expect(page.locator("#basket-preview")).to_contain_text("100.00 %")
    looks_right(page, "basket")


def test_a_popup_is_seen_on_a_phone_while_it_is_written(page: Page) -> None:
    popup = Popup.objects.get()
    page.goto(f"/admin/popups/popup/{popup.pk}/change/")
    phone = page.locator("#popup-preview .phone-dialog")
    expect(phone).to_contain_text("发现新版本，请立即更新!")
    expect(phone.locator(".phone-close")).to_be_hidden()
    page.fill("#id_title", "维护公告")
    page.fill("#id_button_2_name", "查看详情")
    expect(phone).to_contain_text("维护公告")
    expect(phone.locator(".phone-buttons span")).to_have_count(2)
    looks_right(page, "popup")


def test_a_client_with_its_statement(page: Page, trader: Trader) -> None:
    page.goto(f"/admin/accounts/client/{trader.id}/change/")
    expect(page.get_by_text("委托冻结").first).to_be_visible()
    looks_right(page, "client")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出全部流水（CSV）").click()
    text = download.value.path().read_text("utf-8-sig")
    assert f"可用 {trader.id}" in text
    page.goto(f"/admin/accounts/client/{trader.id}/ban")
    looks_right(page, "ban")
    page.fill("[name=reason]", "刷单")
    page.locator("main button[type=submit], form.max-w-2xl button").first.click()
    expect(page.get_by_text("刷单")).to_be_visible()
    assert Client.objects.get(pk=trader.id).banned_by == "wang"
    page.goto("/admin/operations/auditentry/")
    expect(page.locator("#result_list").get_by_text("客户: 封禁")).to_be_visible()
    looks_right(page, "audit")


@pytest.mark.parametrize(
    "path",
    [
        "accounts/client",
        "payments/chaintransfer",
        "payments/correction/add",
        "operations/jobrun",
        "funds/product/add",
        "operations/halt/add",
        "contracts/position",
        "django_celery_beat/periodictask",
        "configuration",
        "auth/group/add",
    ],
)
def test_other_pages(page: Page, path: str) -> None:
    page.goto(f"/admin/{path}/")
    looks_right(page, path.replace("/", "-"))


def test_signing_in(browser: Browser, served: str, trader: Trader) -> None:
    for width in WIDTHS.values():
        context = browser.new_context(base_url=served, locale="zh-CN", viewport={"width": width, "height": 900})
        page = context.new_page()
        page.goto("/admin/")
        looks_right(page, "sign-in")
        context.close()
