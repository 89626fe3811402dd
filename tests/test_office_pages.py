"""The dashboard, the popup's form and the basket's preview, without a browser."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from backoffice import samples
from backoffice.charts import Series, bar_chart, line_chart, short
from backoffice.models import DayFlow, Sample
from contracts.models import Order
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from ledger.models import Transfer
from operations.models import Halt
from popups.models import Popup
from tests.test_operators import browser_of, operator


@pytest.fixture
def traded(db: None) -> Desk:
    desk = Desk()
    desk.trade(desk.client("5000"), BUY, 100)
    desk.trade(desk.client("5000"), SELL, 40)
    desk.tick("1010")
    return desk


class TestSamples:
    def test_a_minute_has_one_row(self, traded: Desk) -> None:
        assert samples.take_sample()
        assert not samples.take_sample()
        sample = Sample.objects.get()
        *_accounts, equity, reserved = traded.books()
        assert (sample.equity, sample.reserved) == (equity, reserved)
        # 1 contract is 0.01: long 1, short 0.4, each at the last price.
        assert sample.open_interest == Decimal("1010") * (Decimal(1) + Decimal("0.4"))
        assert Decimal(5) < sample.unrealised < Decimal("6.1")

    def test_old_rows_go(self, traded: Desk) -> None:
        old = timezone.now() - timedelta(days=samples.KEPT_DAYS + 1)
        Sample.objects.create(at=old, equity=1, reserved=0, unrealised=0, open_interest=0)
        samples.take_sample()
        assert not Sample.objects.filter(at=old).exists()

    def test_a_days_flows_are_the_ledgers(self, traded: Desk) -> None:
        for _twice in range(2):
            samples.sum_up_lately()
        kinds = set(Transfer.objects.values_list("kind", flat=True))
        assert set(DayFlow.objects.values_list("kind", flat=True)) == kinds
        for flow in DayFlow.objects.all():
            amounts = Transfer.objects.filter(kind=flow.kind).values_list("amount", flat=True)
            assert (flow.amount, flow.transfers) == (sum(amounts), len(amounts)), flow.kind


class TestDashboard:
    def test_figures_queues_and_charts(self, traded: Desk, admin_client: Browser) -> None:
        samples.take_sample()
        samples.sum_up_lately()
        Order.objects.filter(kind="open").update(attempts=99)
        Halt.objects.create(kind="open", reason="x", started_by="y")
        office = admin_client.get("/admin/").context["office"]
        figures = {tile.label: tile.value for tile in office["figures"]}
        assert figures["资金池权益"] == f"{traded.books()[3]:,.2f}"
        assert figures["今日充值"] == "10,000.00"
        queues = {tile.label: (tile.value, tile.waits) for tile in office["queues"]}
        assert queues["生效中的业务暂停"] == ("1", True)
        # Parked is what still waits.
        assert queues["搁置的委托"] == ("0", False)
        assert office["charts"][0].title.startswith("资金池权益与预留")
        [row] = office["exposures"]
        assert (row["long"], row["short"], row["net"]) == ("1,010.00", "404.00", "606.00")

    def test_every_link_leads_somewhere(self, traded: Desk, admin_client: Browser) -> None:
        office = admin_client.get("/admin/").context["office"]
        for tile in [*office["figures"], *office["queues"]]:
            assert admin_client.get(tile.link).status_code == 200, tile.link

    def test_an_empty_platform_has_one_too(self, db: None, admin_client: Browser) -> None:
        assert admin_client.get("/admin/").status_code == 200

    def test_who_has_no_rights_sees_no_figures(self, traded: Desk) -> None:
        nobody = User.objects.create_user("nobody", is_staff=True)
        response = browser_of(nobody).get("/admin/")
        assert "office" not in response.context
        assert "还没有任何权限" in response.content.decode()

    def test_the_sidebar_has_what_an_operator_may_see(self, traded: Desk) -> None:
        shown = browser_of(operator("finance")).get("/admin/").content.decode()
        assert "/admin/ledger/transfer/" in shown
        assert "/admin/operations/auditentry/" not in shown
        assert "/admin/auth/user/" not in shown


class TestCharts:
    def test_points_lie_between_the_axes(self) -> None:
        values = [Decimal(1), None, Decimal(3), Decimal(2)]
        chart = line_chart("x", ["a", "b", "c", "d"], [Series("y", values)])
        assert chart is not None
        [(_label, _colour, pieces)] = chart.lines
        assert len(pieces) == 2
        for x, y in (point.split(",") for piece in pieces for point in piece.split()):
            assert 52 <= float(x) <= 560
            assert 8 <= float(y) <= 168
        assert chart.summary == "x, y 2"

    def test_bars_may_be_negative_and_nothing_is_nothing(self) -> None:
        chart = bar_chart("x", ["a", "b"], [Series("y", [Decimal(-5), Decimal(5)])])
        assert chart is not None
        heights = {height for _l, _c, bars in chart.bars for *_rest, height in bars}
        assert len(heights) == 1
        assert bar_chart("x", [], [Series("y", [])]) is None

    @pytest.mark.parametrize(
        ("value", "written"),
        [("0", "0"), ("0.5", "0.5"), ("1000", "1k"), ("1234567", "1.235M"), ("-2500", "-2.5k"), ("3e9", "3B")],
    )
    def test_short_numbers(self, value: str, written: str) -> None:
        assert short(Decimal(value)) == written


class TestPopupForm:
    FORM = {
        "kind": "notice",
        "title": "维护",
        "content": "今晚维护",
        "is_cancel": "on",
        "enabled": "on",
        "starts_at_0": "2026-01-01",
        "starts_at_1": "00:00:00",
        "platforms": ["ios", "web"],
    }

    def post(self, **fields: Any) -> Any:
        return browser_of(operator("operations")).post(reverse("admin:popups_popup_add"), {**self.FORM, **fields})

    def test_buttons_are_names_and_addresses(self, db: None) -> None:
        buttons = {"button_1_name": "详情", "button_1_value": "https://soke.example/news"}
        assert self.post(**buttons).status_code == 302
        popup = Popup.objects.get()
        assert popup.buttons == [{"name": "详情", "type": "url", "value": "https://soke.example/news"}]
        assert popup.platforms == ["ios", "web"]
        shown = browser_of(operator("auditor")).get(reverse("admin:popups_popup_change", args=[popup.pk]))
        # The phone shows it to who may only read, too; Django writes it there in ASCII.
        assert "\\u8be6\\u60c5" in shown.content.decode()

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"button_1_name": "x", "button_1_value": "javascript:alert(1)"}, "网页或应用商店"),
            ({"button_1_value": "https://x.example"}, "按钮名称"),
            ({"kind": "ban"}, "封禁弹窗不可关闭"),
            ({"version_from": "latest"}, "版本号"),
            ({"ends_at_0": "2025-01-01", "ends_at_1": "00:00:00"}, "结束时间"),
            ({"platforms": ["fridge"]}, "fridge"),
        ],
    )
    def test_what_is_refused_and_why(self, db: None, fields: dict[str, Any], sentence: str) -> None:
        response = self.post(**fields)
        assert response.status_code == 200
        assert sentence in response.content.decode()
        assert not Popup.objects.exists()


class TestBasketPreview:
    def preview(self, desk: Desk, group: str = "risk", **fields: str) -> Any:
        form = {
            "index": str(desk.index.pk),
            "constituents-TOTAL_FORMS": "1",
            "constituents-0-symbol": "A",
            "constituents-0-weight": "2",
        }
        return browser_of(operator(group)).post(reverse("admin:indexes_basket_preview"), {**form, **fields})

    def test_the_index_goes_on_where_it_is(self, traded: Desk) -> None:
        text = re.sub(r"<[^>]*>", " ", self.preview(traded).content.decode())
        assert re.search(r"当前指数\s*:\s*1010", text)
        assert re.search(r"采用该篮子后\s*:\s*1010", text)
        assert text.count("100.00") == 2

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"constituents-0-symbol": "NEW/USDT"}, "尚无价格"),
            ({"constituents-0-weight": "-1"}, "请选择指数"),
            ({"constituents-0-weight": "1e9"}, "请选择指数"),
            ({"constituents-TOTAL_FORMS": "９"}, "请选择指数"),
            ({"index": "x"}, "请选择指数"),
            ({"index": "9" * 40}, "请选择指数"),
        ],
    )
    def test_what_cannot_be_told(self, traded: Desk, fields: dict[str, str], sentence: str) -> None:
        response = self.preview(traded, **fields)
        assert response.status_code == 200
        assert sentence in response.content.decode()

    def test_it_is_for_who_writes_baskets(self, traded: Desk) -> None:
        assert self.preview(traded, group="finance").status_code == 403
        assert browser_of(operator("risk")).get(reverse("admin:indexes_basket_preview")).status_code == 403
