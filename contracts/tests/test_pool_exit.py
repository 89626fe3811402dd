"""Positions close for a pledge that could not be paid in full for 7 days."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from common import sql
from contracts.models import Fill, Position
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from market_making import queries
from market_making.book import PoolBook
from market_making.models import Pledge
from market_making.services import cancel_pledges


@pytest.fixture
def desk(db):
    desk = Desk()
    yield desk
    desk.clean()


def pledger(desk: Desk) -> int:
    return Pledge.objects.get().client_id


def days_pass(days: int) -> None:
    sql.execute("UPDATE market_making_pledge SET unpaid_since = unpaid_since - %s", [timedelta(days=days)])


@pytest.fixture
def unpaid(desk):
    """Three pairs of positions reserve too much for the only pledge to leave whole."""
    clients = [desk.client("20000") for _ in range(3)]
    for client in clients:
        desk.trade(client, BUY, 1000)
        desk.trade(client, SELL, 1000)
    cancel_pledges(client_id=pledger(desk))
    desk.settle()
    assert Pledge.objects.get().unpaid_since is not None
    return clients


def test_nothing_closes_before_seven_days(desk, unpaid):
    days_pass(6)
    desk.tick("1000")
    assert Position.objects.filter(closed_at=None).count() == 6
    assert not queries.overdue()


def test_the_first_opened_close_first_at_the_tick_without_cost_until_it_can_be_paid(desk, unpaid):
    positions = list(Position.objects.order_by("id"))
    before = {client: desk.available(client) + desk.margin(client) for client in unpaid}
    days_pass(7)
    desk.tick("1010", execute=False)
    close = desk.close(unpaid[0], positions[0])
    sql.execute(
        "UPDATE contracts_order SET created_at = %s + interval '1 second' WHERE id = %s", [desk.moment.at, close]
    )
    desk.execute()
    fills = list(Fill.objects.filter(kind="pool_exit").order_by("id"))
    assert [fill.position_id for fill in fills] == [p.id for p in positions]
    assert {(fill.price, fill.fee, fill.liquidation_fee) for fill in fills} == {(D(1010), D(0), D(0))}
    # A pair gains at 1010 what it loses; only the spread at which it was opened is lost.
    for client in unpaid:
        assert desk.margin(client) == 0
        assert desk.available(client) == before[client] - 4
    # It came after the tick's prices, and the position was gone before its own.
    assert desk.reason(close) == ("refused", "position_closed")
    desk.settle()
    assert not Pledge.objects.filter(ended_at=None).exists()


def test_no_more_close_than_are_needed(desk, unpaid):
    # Somebody else pledges so much that the leaver lacks little.
    days_pass(7)
    lacking = queries.exit_shortfall(*_pool())
    desk.pledge(desk.client("0"), str(lacking - 1000))
    desk.tick("1000")
    assert Position.objects.filter(closed_at=None).count() == 5
    assert queries.exit_shortfall(*_pool()) == 0
    desk.tick("1000")
    assert Position.objects.filter(closed_at=None).count() == 5


def test_at_stale_prices_nothing_closes(desk, unpaid):
    other = desk.new_index("b")
    desk.tick("1000", index=other)
    desk.order(unpaid[0], BUY, 100, index=other)
    days_pass(7)
    desk.tick(None)
    assert not Fill.objects.filter(kind="pool_exit").exists()


def _pool() -> tuple[D, D, D]:
    book = PoolBook.read()
    return book.value, book.units, book.equity - book.reserved
