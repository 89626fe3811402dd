"""What operators do with funds in the back office."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime

from common import sql
from funds import services
from funds.models import Product, ReserveTopUp
from funds.tests.shop import bought, clean, fund_reserve, new_client, new_product, reserve
from ledger.accounts import PlatformAccount
from ledger.queries import balance
from operations import runs

pytestmark = pytest.mark.django_db


def form(periods: list[tuple[str, str]], **fields: str) -> dict[str, str]:
    now = localtime(sql.database_time())
    usual = {
        "title": "新基金",
        "unit_price": "101",
        "total_volume": "100",
        "early_fee_rate": "0.05",
        "on_sale_from_0": date_format(now, "Y-m-d"),
        "on_sale_from_1": date_format(now, "H:i:s"),
        "on_sale_to_0": "",
        "on_sale_to_1": "",
        "periods-TOTAL_FORMS": str(len(periods)),
        "periods-INITIAL_FORMS": "0",
    }
    for number, (months, profit) in enumerate(periods):
        usual |= {f"periods-{number}-months": months, f"periods-{number}-profit": profit}
    return {**usual, **fields}


def add(browser: Browser, periods: list[tuple[str, str]], **fields: str) -> Any:
    return browser.post(reverse("admin:funds_product_add"), form(periods, **fields))


def test_a_fund_is_added_with_its_periods(admin_client: Browser) -> None:
    assert add(admin_client, [("3", "0.2"), ("6", "-0.05")]).status_code == 302
    product = Product.objects.get()
    assert (product.remain_volume, product.early_fee_rate) == (100, Decimal("0.05"))
    assert [(p.months, p.profit) for p in product.periods.all()] == [(3, Decimal("0.2")), (6, Decimal("-0.05"))]
    shown = admin_client.get(reverse("admin:funds_product_changelist")).content.decode()
    assert "3 个月 20.00%, 6 个月 -5.00%" in shown
    client = new_client()
    assert services.place_purchase(client_id=client, product_id=product.id, months=6, volume=1).profit == Decimal(
        "-0.05"
    )


@pytest.mark.parametrize(
    ("periods", "fields"),
    [
        ([("3", "-1")], {}),
        ([("3", "-0.06")], {}),
        ([("3", "-0.01")], {"early_fee_rate": "0"}),
        ([("0", "0.1")], {}),
        ([("121", "0.1")], {}),
        ([("3", "0.1"), ("3", "0.2")], {}),
        ([], {}),
        ([("3", "0.1")], {"early_fee_rate": "1.1"}),
        ([("3", "0.1")], {"early_fee_rate": "-0.1"}),
        ([("3", "0.1")], {"unit_price": "0"}),
        ([("3", "0.1")], {"total_volume": "0"}),
        ([("3", "0.1")], {"on_sale_to_0": "2020-01-01", "on_sale_to_1": "00:00:00"}),
    ],
)
def test_terms_that_are_refused(admin_client: Browser, periods: list[tuple[str, str]], fields: dict[str, str]) -> None:
    response = add(admin_client, periods, **fields)
    assert response.status_code == 200
    assert response.context["errors"]
    assert not Product.objects.exists()


def test_a_change_leaves_alone_what_is_taken(admin_client: Browser) -> None:
    product = new_product()
    fields = form([], title="改名", total_volume="50")
    for number, period in enumerate(product.periods.all()):
        fields |= {
            f"periods-{number}-id": str(period.id),
            f"periods-{number}-product": str(product.id),
            f"periods-{number}-months": str(period.months),
            f"periods-{number}-profit": str(period.profit),
        }
    fields |= {"periods-TOTAL_FORMS": "3", "periods-INITIAL_FORMS": "3"}
    page = reverse("admin:funds_product_change", args=[product.id])
    # Sold while the operator's page was open.
    bought(new_client(), product, 10)
    assert admin_client.post(page, fields).status_code == 302
    product.refresh_from_db()
    assert (product.title, product.total_volume, product.taken_volume) == ("改名", 50, 10)
    response = admin_client.post(page, {**fields, "total_volume": "9"})
    assert response.context["errors"]
    clean()


def test_orders_that_wait_are_shown(admin_client: Browser) -> None:
    waiting, running = new_client(), new_client()
    product = new_product()
    order = bought(waiting, product)
    bought(running, product)
    order.started_at, order.matures_at = sql.database_time(), sql.database_time()
    order.started_at = order.started_at.replace(year=order.started_at.year - 1)
    order.save()
    runs.carry_out("funds", runs.today())
    page = reverse("admin:funds_fundorder_changelist")
    response = admin_client.get(page, {"state": "waiting"})
    assert [row.id for row in response.context["cl"].result_list] == [order.id]
    assert "202.000000" in response.content.decode()
    for state in ("asked", "running", "rewarded", "redeemed", "nonsense"):
        assert admin_client.get(page, {"state": state}).status_code == 200


def test_the_reserve_is_topped_up(admin_client: Browser) -> None:
    fund_reserve("100", PlatformAccount.FEE_REVENUE)
    page = reverse("admin:funds_reservetopup_add")
    for amount, reason in (("100.000001", "x"), ("0", "x"), ("-1", "x"), ("10", "")):
        assert admin_client.post(page, {"amount": amount, "reason": reason}).context["errors"]
    assert not ReserveTopUp.objects.exists()
    assert admin_client.post(page, {"amount": "40", "reason": "rewards of march"}).status_code == 302
    made = ReserveTopUp.objects.get()
    assert (made.operator, made.reason, made.amount) == ("admin", "rewards of march", 40)
    assert (reserve(), balance(PlatformAccount.FEE_REVENUE)) == (40, 60)
    change = reverse("admin:funds_reservetopup_change", args=[made.id])
    assert admin_client.post(change, {"amount": "1", "reason": "x"}).status_code == 403
    clean()
