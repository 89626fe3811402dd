"""Orders, fills, closes and marks through the services and the engine's own functions, with exact books.

The worked examples with all their figures are in test_examples.py."""

from decimal import Decimal as D

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from common.errors import Invalid, Refused
from contracts import services
from contracts.engine import batch
from contracts.models import Fill, Order
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from indexes import terms
from indexes.models import Index
from market_making.models import Pool


@pytest.fixture
def desk(db):
    desk = Desk()
    yield desk
    desk.clean()


def refusal(run) -> str:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value.reason


def test_a_long_is_opened_and_closed(desk):
    x = desk.client("20000")
    order = desk.order(x, BUY, 1000)
    assert desk.held(x) == D("510.050000")
    desk.tick("1000")
    p = desk.position(x, BUY)
    assert (p.notional, p.margin) == (D("10002.000000"), D("500.100000"))
    assert (p.liquidation_price, p.cap_price) == (D("955.6361"), D("1450.2900"))
    assert desk.reason(order) == ("filled", "")
    assert Order.objects.get(id=order).fill_price == D("1000.2")
    assert desk.available(x) == D("19494.899000")
    assert desk.held(x) == 0
    assert desk.books() == (D("1.500300"), D("1.500300"), D("2.000400"), D("100001.500300"), D("4500.900000"))
    desk.close(x, p)
    desk.tick("1030")
    assert desk.position(x, BUY) is None
    assert desk.available(x) == D("20285.790030")
    assert desk.books() == (D("-292.895009"), D("3.044991"), D("4.059988"), D("99707.104991"), D(0))
    fill = Fill.objects.latest("id")
    assert (fill.profit, fill.fee, fill.price) == (D("295.940000"), D("5.148970"), D("1029.794"))


@pytest.mark.parametrize(
    ("tick", "kind", "available", "pool_result"),
    [
        ("955.6361", "liquidation", "19518.784652", "474.370590"),
        ("953", "liquidation", "19494.899000", "498.265467"),
        ("900", "liquidation", "19494.899000", "501.600300"),
        ("1600", "cap", "24487.900600", "-4497.000180"),
    ],
)
def test_a_mark_closes_at_its_tick(desk, tick, kind, available, pool_result):
    x = desk.client("20000")
    desk.trade(x, BUY, 1000)
    desk.tick(tick)
    assert desk.position(x, BUY) is None
    assert Fill.objects.latest("id").kind == kind
    assert desk.available(x) == D(available)
    assert desk.books()[0] == D(pool_result)
    assert desk.margin(x) == 0


def test_a_mark_keeps_its_price_until_it_executes(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 1000)
    close = desk.close(x, p)
    desk.tick("953", execute=False)
    p.refresh_from_db()
    assert (p.mark, p.mark_price, p.mark_result) == ("liquidation", D(953), D("-473.906000"))
    desk.clean()
    assert refusal(lambda: desk.close(x, p)) == "closing"
    assert refusal(lambda: desk.order(x, BUY, 10)) == "closing"
    desk.tick("1200", execute=False)
    desk.clean()
    desk.execute()
    assert desk.available(x) == D("19494.899000")
    assert desk.reason(close) == ("refused", "position_closed")
    desk.execute()
    assert Fill.objects.filter(kind="liquidation").count() == 1


def test_an_order_does_not_see_prices_fetched_before_it(desk):
    x = desk.client("20000")
    order = desk.order(x, BUY, 1000)
    Order.objects.filter(id=order).update(created_at=desk._at)
    desk.execute()
    assert desk.reason(order) == ("pending", "")
    desk.tick("1000")
    assert desk.reason(order) == ("filled", "")


def test_without_a_tick_in_ten_seconds_the_order_is_refused(desk):
    x = desk.client("20000")
    market = desk.order(x, BUY, 1000)
    limit = desk.order(x, BUY, 10, "900")
    assert services.expire_orders() == 0
    Order.objects.update(created_at=desk._at.replace(year=2020))
    assert services.expire_orders() == 1
    assert desk.reason(market) == ("refused", "no_price")
    assert desk.reason(limit) == ("pending", "")
    late = desk.order(x, BUY, 1000)
    desk.tick("1000", seconds=12)
    assert desk.reason(late) == ("refused", "no_price")
    assert desk.available(x) + desk.held(x) == D(20000)


def test_limit_orders_fill_at_their_price_or_better(desk):
    x = desk.client("20000")
    buy, sell = desk.order(x, BUY, 100, "990"), desk.order(x, SELL, 100, "1010")
    desk.tick("990")
    assert desk.reason(buy)[0] == desk.reason(sell)[0] == "pending"
    desk.tick("989.8")
    assert desk.reason(buy) == ("filled", "")
    assert Order.objects.get(id=buy).fill_price == D("989.998")
    desk.tick("1010.3")
    assert desk.reason(sell) == ("filled", "")
    assert Order.objects.get(id=sell).fill_price >= D(1010)


def test_a_limit_order_is_cancelled_and_a_market_order_is_not(desk):
    x, y = desk.client("20000"), desk.client("20000")
    limit, market = desk.order(x, BUY, 100, "990"), desk.order(x, BUY, 100)
    with pytest.raises(Invalid, match="not_found"):
        services.cancel_order(client_id=y, order_id=limit)
    services.cancel_order(client_id=x, order_id=limit)
    assert refusal(lambda: services.cancel_order(client_id=x, order_id=limit)) == "order_not_pending"
    assert refusal(lambda: services.cancel_order(client_id=x, order_id=market)) == "order_not_cancellable"
    desk.tick("1000")
    assert desk.reason(market) == ("filled", "")


def test_a_hold_cannot_be_spent_and_a_rise_is_taken_from_what_is_left(desk):
    x, y = desk.client("51.10"), desk.client("60")
    first, second = desk.order(x, BUY, 100), desk.order(y, BUY, 100)
    assert refusal(lambda: desk.order(x, BUY, 10)) == "insufficient_balance"
    desk.tick("1045")
    assert desk.reason(first) == ("refused", "insufficient_balance")
    assert desk.available(x) == D("51.10")
    assert desk.reason(second) == ("filled", "")


def test_what_is_refused_at_once(desk):
    x = desk.client("1000")
    assert refusal(lambda: desk.order(x, BUY, 10**6)) == "insufficient_balance"
    assert refusal(lambda: desk.order(x, BUY, 10**7 + 1)) == "volume_limit"
    desk.tick("1")
    assert refusal(lambda: desk.order(x, BUY, 1)) == "order_too_small"
    desk.tick("0.99")
    assert refusal(lambda: desk.order(x, BUY, 1000)) == "index_price_too_low"
    desk.tick("1000")
    with pytest.raises(Invalid) as caught:
        desk.order(x, BUY, 1, "1000.00001")
    assert "price" in caught.value.errors
    for _ in range(50):
        desk.order(x, BUY, 1, "900")
    assert refusal(lambda: desk.order(x, BUY, 1, "900")) == "too_many_orders"
    desk.tick(None)
    assert refusal(lambda: desk.order(x, BUY, 1)) == "stale"
    services.cancel_order(client_id=x, order_id=Order.objects.first().id)
    assert desk.available(x) + desk.held(x) == D(1000)


def test_a_stale_index_fills_nothing_and_recovers(desk):
    x = desk.client("1000")
    order = desk.order(x, BUY, 10)
    desk.tick(None)
    assert desk.reason(order) == ("pending", "")
    desk.tick("1000")
    assert desk.reason(order) == ("filled", "")


def test_changed_terms_do_not_touch_an_open_position(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 100)
    desk.index.lever = 10
    desk.index.save()
    waiting = refusal(lambda: desk.order(x, BUY, 100))
    assert waiting == "terms_changed"
    desk.close(x, p)
    desk.tick("1000")
    assert desk.trade(x, BUY, 100).lever == 10


def test_a_disabled_index_opens_nothing_and_closes_as_ever(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 100)
    limit = desk.order(x, BUY, 100, "1000.5")
    desk.index.enabled = False
    desk.index.save()
    with pytest.raises(Invalid, match="not_found"):
        desk.order(x, BUY, 100)
    desk.close(x, p)
    desk.tick("1000")
    assert desk.position(x, BUY) is None
    assert desk.reason(limit) == ("pending", "")
    services.cancel_order(client_id=x, order_id=limit)


def test_the_contract_size_stays_while_anything_is_open(desk):
    x = desk.client("20000")
    before, after = Index.objects.get(), Index.objects.get()
    after.contract_size = D(1)
    assert terms.objections(before, after) == []
    desk.trade(x, BUY, 100)
    assert len(terms.objections(before, after)) == 1
    after.contract_size, after.lever = before.contract_size, 10
    assert terms.objections(before, after) == []


def test_a_limit_order_that_cannot_be_filled_is_cancelled_with_its_reason(desk):
    x = desk.client("20000")
    desk.trade(x, BUY, 4990)
    order = desk.order(x, BUY, 20, "1001")
    desk.tick("1000")
    assert desk.reason(order) == ("cancelled", "net_exposure")
    assert desk.held(x) == 0


def test_without_a_pool_nothing_opens(db):
    desk = Desk(pool="0")
    x = desk.client("1000")
    order = desk.order(x, BUY, 10)
    desk.tick("1000")
    assert desk.reason(order) == ("refused", "pool_exhausted")
    desk.clean()


def test_one_close_waits_at_a_time_and_takes_what_is_there(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 100)
    desk.order(x, BUY, 50, "1001")
    whole = desk.close(x, p)
    assert refusal(lambda: desk.close(x, p)) == "close_waiting"
    desk.tick("1000")
    assert desk.reason(whole) == ("filled", "")
    assert Order.objects.get(id=whole).volume == 100
    assert desk.position(x, BUY).volume == 50
    assert refusal(lambda: desk.close(x, desk.position(x, BUY), 51)) == "close_volume"


def test_a_failure_of_ours_stops_no_other_either(desk, monkeypatch):
    x, y = desk.client("20000"), desk.client("20000")
    bad, good = desk.order(x, BUY, 100), desk.order(y, BUY, 100)
    fill = batch.Batch.fill

    def broken(self, position, *args):
        if position.client_id == x:
            raise ZeroDivisionError
        fill(self, position, *args)

    monkeypatch.setattr(batch.Batch, "fill", broken)
    desk.tick("1000")
    assert desk.reason(good) == ("filled", "")
    assert Order.objects.get(id=bad).attempts == 1


def test_the_database_keeps_the_contract_size_and_the_pool(desk):
    x = desk.client("20000")
    desk.trade(x, BUY, 100)
    with pytest.raises(IntegrityError, match="contract size"), transaction.atomic():
        Index.objects.update(contract_size=1)
    with pytest.raises(ProgrammingError, match="pool stays"), transaction.atomic():
        Pool.objects.all().delete()


def test_one_that_fails_stops_no_other(desk, monkeypatch):
    """A database constraint refuses one client's execution; the others' go on, and it is parked in the end."""
    x, y = desk.client("20000"), desk.client("20000")
    bad, good = desk.order(x, BUY, 100), desk.order(y, BUY, 100)
    fill = batch.Batch.fill

    def broken(self, position, *args):
        fill(self, position, *args)
        if position.client_id == x:
            self._fills.append(self._fills[-1])

    monkeypatch.setattr(batch.Batch, "fill", broken)
    for _ in range(7):
        desk.tick("1000")
    assert desk.reason(good) == ("filled", "")
    row = Order.objects.get(id=bad)
    assert (row.status, row.attempts) == ("pending", 5)
    assert desk.held(x) == row.hold > 0
