"""Quotes before, and histories after a trade, over HTTP; and what was parked."""

from decimal import Decimal as D
from typing import Any

import pytest

from common import public_ids
from contracts import services
from contracts.engine import batch
from contracts.models import MOST_ATTEMPTS, Order, Position
from contracts.rules import BUY, SELL
from operations import halts
from tests.conftest import Trader, new_trader, opened, order_form


def quoted(trader: Trader, form: dict[str, Any]) -> dict[str, Any]:
    answer = trader.post("contract/order/quote", form)
    assert answer["code"] == 200, answer
    data: dict[str, Any] = answer["data"]
    return data


def test_a_quote_is_what_then_happens(desk, trader):
    quote = quoted(trader, order_form(desk, volume=100))
    assert quote["reason"] is quote["message"] is None
    placed = trader.post("contract/order/create", order_form(desk, volume=100))
    order = Order.objects.get(id=public_ids.decode(placed["data"]["id"]))
    assert D(quote["hold"]) == order.hold
    desk.tick("2803.371")
    position = desk.position(trader.id, BUY)
    order.refresh_from_db()
    assert (D(quote["price"]), D(quote["fee"])) == (order.fill_price, order.fee)
    assert (D(quote["margin"]), D(quote["liquidation_price"])) == (position.margin, position.liquidation_price)
    # The liquidation price is that of the position as it would be then.
    desk.tick("2850")
    more = quoted(trader, order_form(desk, volume=50))
    desk.trade(trader.id, BUY, 50, "2850")
    assert D(more["liquidation_price"]) == desk.position(trader.id, BUY).liquidation_price
    desk.clean()


@pytest.mark.parametrize("direction", ["buy", "sell"])
@pytest.mark.parametrize("price", [None, "2803.4"])
@pytest.mark.parametrize(
    ("balance", "reason"), [("500", "insufficient_balance"), ("5000000", "net_exposure"), ("5000000", "volume_limit")]
)
def test_the_largest_volume_fills_and_one_more_does_not(desk, direction, price, balance, reason):
    trader = new_trader(desk, balance)
    if reason == "volume_limit":
        desk.index.max_order_volume = desk.index.max_position_volume = 77
        desk.index.save()
    form = order_form(desk, direction=direction, price_type="limit" if price else "market", price=price)
    most = quoted(trader, form)["max_volume"]
    assert most > 0
    assert quoted(trader, {**form, "volume": most})["reason"] is None
    refused = quoted(trader, {**form, "volume": most + 1})
    assert (refused["reason"], bool(refused["message"])) == (reason, True)
    placed = trader.post("contract/order/create", {**form, "volume": most})
    assert placed["code"] == 200, placed
    desk.tick("2803.371")
    order = Order.objects.get(id=public_ids.decode(placed["data"]["id"]))
    assert order.status in (("filled", "pending") if price else ("filled",)), order.reason
    desk.clean()


def test_a_quote_says_why_not(desk, trader):
    assert quoted(trader, order_form(desk, volume=10**7))["reason"] == "insufficient_balance"
    halt = halts.start(kind="open", index_id=None, reason="maintenance", operator="risk")
    quote = quoted(trader, order_form(desk))
    assert (quote["reason"], quote["max_volume"]) == ("halted", 0)
    assert trader.get("contract/indexes")["data"][0]["halts"] == ["open"]
    halts.lift(halt_id=halt.id, operator="risk")
    desk.tick(None)
    assert quoted(trader, order_form(desk))["reason"] == "stale"
    unknown = trader.post("contract/order/quote", order_form(desk, id=1))
    assert (unknown["code"], unknown["reason"]) == (400, "not_found")
    finer = trader.post("contract/order/quote", order_form(desk, price_type="limit", price="2800.00001"))
    assert (finer["code"], list(finer["errors"])) == (400, ["price"])
    assert Order.objects.count() == 0


def test_a_position_is_protected_over_http(desk, trader):
    position = opened(desk, trader)
    form = {"id": public_ids.encode(position.id), "take_profit": "2900.5", "stop_loss": 2750}
    assert trader.post("contract/position/protect", form) == {"code": 200, "message": "操作成功"}
    [row] = trader.get("contract/positions")["data"]
    assert (row["take_profit"], row["stop_loss"], row["closing"]) == ("2900.5", "2750", None)
    refused = trader.post("contract/position/protect", {**form, "take_profit": "2800"})
    assert (refused["code"], refused["reason"]) == (500, "protection_reached")
    for wrong in ("0", "-1", "1e3", "２９００", True, [], "2900.00001"):
        answer = trader.post("contract/position/protect", {**form, "take_profit": wrong})
        assert (answer["code"], list(answer["errors"])) == (400, ["take_profit"])
    other = new_trader(desk)
    assert other.post("contract/position/protect", form)["reason"] == "not_found"
    [row] = trader.get("contract/positions")["data"]
    assert (row["take_profit"], row["stop_loss"]) == ("2900.5", "2750")
    assert trader.post("contract/position/protect", {"id": form["id"], "stop_loss": None})["code"] == 200
    [row] = trader.get("contract/positions")["data"]
    assert (row["take_profit"], row["stop_loss"]) == (None, None)


def test_histories(desk, trader):
    position = opened(desk, trader, BUY, 100)
    desk.trade(trader.id, BUY, 50, "2850")
    services.close_position(client_id=trader.id, position_id=position.id, volume=60)
    desk.tick("2860")
    assert trader.get("contract/position/logs")["data"][0]["closed_at"] is None
    desk.tick("2600")
    short = opened(desk, trader, SELL, 10)
    services.close_position(client_id=trader.id, position_id=short.id)
    desk.tick("2803.371")

    logs = trader.get("contract/position/logs")
    assert [row["reason"] for row in logs["data"]] == ["close", "liquidation"]
    assert (logs["page"]["total"], logs["page"]["per_page"]) == (2, 10)
    closed = logs["data"][1]
    assert (closed["id"], closed["volume"], closed["position_volume"]) == (public_ids.encode(position.id), 150, 0)
    fills = trader.get("contract/fill/logs", {"position": closed["id"]})["data"]
    assert [(row["kind"], row["volume"]) for row in fills] == [
        *(("liquidation", 90), ("close", 60), ("open", 50), ("open", 100)),
    ]
    for key in ("profit", "fee"):
        assert sum(D(row[key]) for row in fills) == D(closed[key])
    assert sum(D(row["profit"]) for row in fills) < 0
    assert [row["order_id"] is None for row in fills] == [True, False, False, False]
    # 100 at 2803.9317 and 50 at 2850.57; 60 at 2859.428 and 90 at 2599.48.
    assert (closed["open_price"], closed["close_price"]) == ("2819.4778", "2703.4592")
    assert len(trader.get("contract/fill/logs")["data"]) == 6

    stranger = new_trader(desk)
    for path in ("contract/position/logs", "contract/fill/logs"):
        assert stranger.get(path)["data"] == []
    assert stranger.get("contract/fill/logs", {"position": closed["id"]})["data"] == []
    assert trader.get("contract/fill/logs", {"position": "x"})["code"] == 400
    desk.clean()


def test_orders_of_any_status_tell_their_reason(desk, trader):
    opened(desk, trader)
    desk.order(trader.id, BUY, 10, "2700")
    refused = desk.order(trader.id, SELL, 10)
    halt = halts.start(kind="open", index_id=None, reason="maintenance", operator="risk")
    desk.tick("2803.371")
    halts.lift(halt_id=halt.id, operator="risk")
    rows = {row["id"]: row for row in trader.get("contract/orders", {"status": "all"})["data"]}
    assert sorted(row["status"] for row in rows.values()) == ["filled", "pending", "refused"]
    ended = rows[public_ids.encode(refused)]
    assert (ended["reason"], ended["message"]) == ("halted", "运营人员已暂停该业务。")
    english = trader.get("contract/orders", {"status": "refused"}, **{"accept-language": "en"})["data"]
    assert english[0]["message"] == "An operator has halted this for now."
    assert trader.get("contract/orders", {"status": "gone"})["code"] == 400


def test_what_keeps_failing_is_parked_and_tried_again(desk, trader, monkeypatch):
    position = opened(desk, trader)
    limit = desk.order(trader.id, SELL, 10, "2800")
    fill = batch.Batch.fill

    def broken(self, *args, **kwargs):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(batch.Batch, "fill", broken)
    desk.tick("2660")
    for _ in range(MOST_ATTEMPTS + 2):
        desk.tick("2810")
    position.refresh_from_db()
    order = Order.objects.get(id=limit)
    assert (position.mark, position.attempts, order.attempts) == ("liquidation", MOST_ATTEMPTS, MOST_ATTEMPTS)
    assert position.error == order.error == "ZeroDivisionError: a bug"
    monkeypatch.setattr(batch.Batch, "fill", fill)
    desk.tick("2810")
    assert Position.objects.get(id=position.id).closed_at is None
    assert services.retry_parked(order_ids=[limit], position_ids=[position.id]) == 2
    assert services.retry_parked(order_ids=[limit], position_ids=[position.id]) == 0
    desk.tick("2810")
    position.refresh_from_db()
    assert (position.close_kind, position.mark_price) == ("liquidation", D(2660))
    assert Order.objects.get(id=limit).status == "filled"
    desk.clean()
