"""Edges that random operations (test_books.py) seldom meet exactly: the last contract that the pool can back, prices
fetched in the very moment in which an order arrived, an engine that dies between a mark and the close that waited."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from common import sql
from contracts import services
from contracts.models import Fill
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from market_making.models import Pool
from market_making.services import cancel_pledges

# A contract is 10 USDT at the tick 1000 and reserves 5.
ROUND = {"fee_rate": D(0), "spread": D(0), "max_profit_rate": D(10)}


@pytest.fixture
def desk(db):
    desk = Desk()
    yield desk
    desk.clean()


def three_indexes(pool: str) -> tuple[Desk, list]:
    """All at 1000; the pool's equity never moves, because nothing costs a fee."""
    desk = Desk(pool=pool, **ROUND)
    indexes = [desk.index, *(desk.new_index(code, **ROUND) for code in "bc")]
    for index in indexes[1:]:
        desk.tick("1000", index=index)
    return desk, indexes


def test_the_pool_backs_up_to_its_gate_over_all_indexes(db):
    """Of 10,000 it reserves 8,000, half of that for one index."""
    desk, (a, b, c) = three_indexes("10000")
    x = desk.client("100000")
    for index, direction, volume in [(a, BUY, 400), (a, SELL, 400), (b, BUY, 400), (b, SELL, 100)]:
        desk.order(x, direction, volume, index=index)
    desk.tick("1000")
    assert Pool.objects.get().reserved == 6500
    last, beyond = desk.order(x, BUY, 300, index=c), desk.order(x, BUY, 1, index=c)
    full = desk.order(x, BUY, 1, index=a)
    desk.tick("1000")
    assert desk.reason(last) == ("filled", "")
    assert desk.reason(beyond) == ("refused", "pool_exhausted")
    assert desk.reason(full) == ("refused", "index_reserve")
    assert Pool.objects.get().reserved == 8000
    assert desk.margin(x) == 800
    desk.clean()


@pytest.mark.parametrize(("volume", "outcome"), [(120, ("filled", "")), (121, ("refused", "pool_exhausted"))])
def test_the_gate_leaves_out_what_is_asked_back(db, volume, outcome):
    """A fifth of 10,000 leaves: 0.8 × 8,000 = 6,400, half of that for one index."""
    desk, (a, b, c) = three_indexes("8000")
    leaver, x = desk.client("0"), desk.client("100000")
    desk.pledge(leaver, "2000")
    cancel_pledges(client_id=leaver)
    for index, direction, volume_before in [(a, BUY, 320), (a, SELL, 320), (b, BUY, 320), (b, SELL, 200)]:
        desk.order(x, direction, volume_before, index=index)
    desk.tick("1000")
    assert Pool.objects.get().reserved == 5800
    order = desk.order(x, BUY, volume, index=c)
    desk.tick("1000")
    assert desk.reason(order) == outcome
    desk.clean()


@pytest.mark.parametrize("limit", [None, "1001"])
def test_an_order_does_not_see_prices_of_the_moment_it_arrived(desk, limit):
    x = desk.client("20000")
    order = desk.order(x, BUY, 1000, limit)
    arrive(desk, order, "0")
    assert desk.reason(order) == ("pending", "")
    arrive(desk, order, "1 microsecond")
    assert desk.reason(order) == ("filled", "")


def test_a_close_does_not_see_prices_of_the_moment_it_arrived(desk):
    x = desk.client("20000")
    order = desk.close(x, desk.trade(x, BUY, 1000))
    arrive(desk, order, "0")
    assert desk.position(x, BUY)
    arrive(desk, order, "1 microsecond")
    assert desk.position(x, BUY) is None


def test_a_take_profit_does_not_see_prices_of_the_moment_it_was_set(desk):
    x = desk.client("20000")
    position = desk.trade(x, BUY, 1000)
    services.protect_position(client_id=x, position_id=position.id, take_profit=D(1010), stop_loss=None)
    for before, stays in [("0", True), ("1 microsecond", False)]:
        at = desk.moment.at + timedelta(seconds=1)
        sql.execute("UPDATE contracts_position SET protected_at = %s - %s::interval", [at, before])
        desk.tick("1010", seconds=1)
        assert desk.moment.at == at
        assert bool(desk.position(x, BUY)) == stays


def arrive(desk: Desk, order: int, before: str) -> None:
    """A tick, and the order arrived so long before its prices were fetched."""
    desk.tick("1000", execute=False)
    sql.execute(
        "UPDATE contracts_order SET created_at = %s - %s::interval WHERE id = %s", [desk.moment.at, before, order]
    )
    desk.execute()


@pytest.mark.parametrize(("tick", "kind"), [("955.6361", "liquidation"), ("1450.29", "cap")])
def test_a_mark_ends_the_close_that_waits_in_the_same_commit(desk, tick, kind):
    """The engine dies right after the mark's own transaction."""
    x = desk.client("20000")
    position = desk.trade(x, BUY, 1000)
    close = desk.close(x, position, 400)
    alive = iter([True, False])
    desk.tick(tick, go_on=lambda: next(alive))
    assert desk.reason(close) == ("refused", "position_closed")
    assert desk.position(x, BUY) is None
    fill = Fill.objects.latest("id")
    assert (fill.kind, fill.volume) == (kind, 1000)
    assert (desk.margin(x), desk.held(x)) == (0, 0)
