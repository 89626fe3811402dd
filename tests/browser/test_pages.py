"""What a person sees, in a real browser: the first page, the API's documentation, the back office."""

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from contracts.rules import BUY
from contracts.tests.desk import Desk

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright's own loop runs in this thread; the ORM is used between its calls, never inside.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def test_the_first_page_leads_on(served: str, page: Page) -> None:
    page.goto(served)
    expect(page.get_by_role("link", name="API 文档")).to_be_visible()
    page.get_by_role("link", name="API 文档").click()
    expect(page.get_by_text("/api/v1/contract/order/create")).to_be_visible()


def test_an_operator_reads_the_books(served: str, page: Page) -> None:
    get_user_model().objects.create_superuser("operator", password="correct horse battery")
    desk = Desk()
    client = desk.client("1000")
    desk.trade(client, BUY, 100)
    page.goto(f"{served}/admin/")
    page.fill("input[name=username]", "operator")
    page.fill("input[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="转账").first).to_be_visible()
    page.goto(f"{served}/admin/ledger/transfer/")
    expect(page.get_by_text("保证金").first).to_be_visible()
    expect(page.locator("a[href$='/add/']")).to_have_count(0)
    page.goto(f"{served}/admin/contracts/position/")
    expect(page.get_by_text("958").first.or_(page.get_by_text("955").first)).to_be_visible()
