"""CSV for accountants: what they filtered, all of it, and nothing that a spreadsheet executes."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from common.csv import cell
from popups.models import Popup
from tests.conftest import Trader, opened


def rows(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        (" =cmd|' /C calc'!A0", "' =cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\x00=1", "'=1"),
        ("a=1", "a=1"),
        (["=1"], "['=1']"),
        (Decimal("-1.500000"), "-1.500000"),
        (Decimal("1E+3"), "1000"),
        (-7, "-7"),
        (True, "True"),
        (None, ""),
    ],
)
def test_a_cell_is_never_a_formula(value: object, written: str) -> None:
    assert cell(value) == written


def test_a_list_as_it_is_filtered(trader: Trader, desk: Any, admin_client: Browser) -> None:
    opened(desk, trader)
    path = reverse("admin:export", args=["ledger", "transfer"])
    everything = rows(admin_client.get(path))
    assert everything[0] == ["ID", "从", "至", "金额", "类型", "来源", "时间"]
    deposits = admin_client.get(path, {"kind__exact": "deposit"})
    assert deposits["Content-Disposition"].startswith('attachment; filename="ledger.transfer-')
    found = rows(deposits)[1:]
    assert int(deposits["X-Total-Rows"]) == len(found) < len(everything) - 1
    assert {row[4] for row in found} == {"充值"}
    assert found[0][1:4] == ["链上托管", f"可用 {trader.id}", "10000.000000"]


def test_others_are_named_and_choices_said(trader: Trader, desk: Any, admin_client: Browser) -> None:
    opened(desk, trader)
    [header, row] = rows(admin_client.get(reverse("admin:export", args=["contracts", "order"])))
    order = dict(zip(header, row, strict=True))
    assert (order["客户"], order["方向"], order["状态"]) == (trader.wallet.address, "买入", "已成交")
    [header, *found] = rows(admin_client.get(reverse("admin:export", args=["operations", "auditentry"])))
    assert {dict(zip(header, row, strict=True))["操作员"] for row in found} == {"admin"}


def test_text_of_operators_and_clients_is_guarded(db: None, admin_client: Browser) -> None:
    Popup.objects.create(kind="notice", title='=HYPERLINK("http://x")', content='a,"b"\nc')
    [_header, row] = rows(admin_client.get(reverse("admin:export", args=["popups", "popup"])))
    assert '\'=HYPERLINK("http://x")' in row
    assert 'a,"b"\nc' in row


def test_a_statement_is_all_that_moved(trader: Trader, desk: Any, admin_client: Browser) -> None:
    opened(desk, trader)
    found = rows(admin_client.get(reverse("admin:statement", args=[trader.id])))[1:]
    name = f"可用 {trader.id}"
    left = sum(Decimal(row[5]) * ((row[4] == name) - (row[3] == name)) for row in found)
    assert left == desk.available(trader.id)
    assert admin_client.get(reverse("admin:statement", args=[10**9])).status_code == 404
    assert admin_client.get(reverse("admin:export", args=["no", "such"])).status_code == 404


def test_visitors_and_clients_export_nothing(trader: Trader) -> None:
    for path in (reverse("admin:export", args=["ledger", "transfer"]), reverse("admin:statement", args=[trader.id])):
        for browser in (Browser(), trader.api()):
            assert browser.get(path)["Location"].startswith("/admin/login/")
