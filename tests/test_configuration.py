"""What operators change while the platform runs: bounds, audit, and that it holds at once."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser

from common.configuration import live
from contracts.fees import fee_shares
from operations.models import AuditEntry
from tests.conftest import Trader
from tests.test_operators import browser_of, operator

PAGE = "/admin/configuration/"
VALUES = {
    "FEE_POOL_SHARE": "0.3",
    "FEE_INCENTIVE_SHARE": "0.3",
    "MINIMUM_PAYMENT": "1",
    "PAYMENT_ORDER_MINUTES": "30",
}


def post(browser: Browser, **values: str) -> Any:
    version = browser.get(PAGE).context["form"].initial["version"]
    return browser.post(PAGE, {**VALUES, "version": version, **values})


def test_a_change_holds_at_once_and_is_audited(trader: Trader) -> None:
    browser = browser_of(operator("risk"))
    assert Decimal("0.3") == live.FEE_POOL_SHARE
    assert fee_shares(Decimal(10)).revenue == Decimal(4)
    assert trader.post("index/recharge/order", {"amount": "5"})["code"] == 200
    assert post(browser, FEE_POOL_SHARE="0.2", MINIMUM_PAYMENT="10").status_code == 302
    assert fee_shares(Decimal(10)).revenue == Decimal(5)
    assert trader.post("index/recharge/order", {"amount": "5"})["reason"] == "below_minimum"
    entry = AuditEntry.objects.get(action="configuration.change")
    assert (entry.before, entry.after) == (
        {"FEE_POOL_SHARE": "0.3", "MINIMUM_PAYMENT": "1"},
        {"FEE_POOL_SHARE": "0.2", "MINIMUM_PAYMENT": "10"},
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"FEE_POOL_SHARE": "0.6"}, "两个比例合计不得超过 0.8"),
        ({"FEE_POOL_SHARE": "0.9"}, "0.8"),
        ({"FEE_POOL_SHARE": "-0.1"}, "0"),
        ({"FEE_POOL_SHARE": "NaN"}, "输入"),
        ({"MINIMUM_PAYMENT": "0"}, "0.000001"),
        ({"PAYMENT_ORDER_MINUTES": "4"}, "5"),
        ({"PAYMENT_ORDER_MINUTES": ""}, "必填"),
    ],
)
def test_bounds(db: None, values: dict[str, str], sentence: str) -> None:
    response = post(browser_of(operator("risk")), **values)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert fee_shares(Decimal(10)).revenue == Decimal(4)
    assert not AuditEntry.objects.exists()


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(db: None) -> None:
    browser = browser_of(operator("risk"))
    version = browser.get(PAGE).context["form"].initial["version"]
    post(browser, FEE_POOL_SHARE="0.2")
    assert browser.post(PAGE, {**VALUES, "version": version}).status_code == 200
    assert Decimal("0.2") == live.FEE_POOL_SHARE


@pytest.mark.parametrize("group", ["operations", "finance", "auditor"])
def test_others_only_read(db: None, group: str) -> None:
    browser = browser_of(operator(group))
    assert browser.get(PAGE).status_code == 200
    assert browser.post(PAGE, VALUES).status_code == 403
    assert Decimal("0.3") == live.FEE_POOL_SHARE
