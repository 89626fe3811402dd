"""What a halt stops in contracts, and what survives it."""

from decimal import Decimal

import pytest

from common.errors import Refused
from contracts import services
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from operations import halts


@pytest.fixture
def desk(db):
    desk = Desk()
    yield desk
    desk.clean()


def refusal(run):
    with pytest.raises(Refused) as caught:
        run()
    return caught.value.reason


@pytest.mark.parametrize("everywhere", [True, False])
def test_opening_is_halted_and_closing_and_cancelling_go_on(desk, everywhere):
    other = desk.new_index("b")
    desk.tick("1000", index=other)
    x = desk.client("20000")
    p = desk.trade(x, BUY, 100)
    limit, market = desk.order(x, BUY, 100, "1001"), desk.order(x, BUY, 100)
    mine = None if everywhere else desk.index.id
    halt = halts.start(kind="open", index_id=mine, reason="too one-sided", operator="risk")
    available, held = desk.available(x), desk.held(x)
    assert refusal(lambda: desk.order(x, BUY, 1)) == "halted"
    assert refusal(lambda: desk.order(x, SELL, 1, "1010")) == "halted"
    assert (desk.available(x), desk.held(x)) == (available, held)
    if everywhere:
        assert refusal(lambda: desk.order(x, BUY, 1, index=other)) == "halted"
    else:
        desk.order(x, BUY, 1, index=other)
    desk.close(x, p, 40)
    desk.tick("1000")
    assert desk.position(x, BUY).volume == 60
    assert desk.reason(market) == ("refused", "halted")
    assert desk.reason(limit) == ("pending", "")
    services.protect_position(client_id=x, position_id=p.id, stop_loss=Decimal(980))
    halts.lift(halt_id=halt.id, operator="risk")
    desk.tick("1000")
    assert desk.reason(limit) == ("filled", "")


def test_a_limit_order_is_cancelled_during_a_halt_of_opening(desk):
    x = desk.client("20000")
    limit = desk.order(x, BUY, 100, "900")
    halts.start(kind="open", index_id=None, reason="maintenance", operator="risk")
    services.cancel_order(client_id=x, order_id=limit)
    assert desk.held(x) == 0


def test_all_stops_everything_but_what_was_marked_before(desk):
    x, y = desk.client("20000"), desk.client("20000")
    long, short = desk.trade(x, BUY, 1000), desk.trade(y, SELL, 100)
    limit = desk.order(y, BUY, 100, "850")
    desk.tick("953", execute=False)
    halt = halts.start(kind="all", index_id=desk.index.id, reason="a bad venue", operator="risk")
    for run in (
        lambda: desk.order(y, BUY, 1),
        lambda: desk.close(y, short),
        lambda: services.cancel_order(client_id=y, order_id=limit),
        lambda: services.protect_position(client_id=y, position_id=short.id),
    ):
        assert refusal(run) == "halted"
    desk.tick("500")
    long.refresh_from_db()
    assert (long.close_kind, long.mark_price) == ("liquidation", 953)
    # At 500 the short has reached its cap and the limit order its price; nothing sees it.
    assert desk.position(y, SELL).mark == ""
    assert desk.reason(limit) == ("pending", "")
    halts.lift(halt_id=halt.id, operator="risk")
    services.cancel_order(client_id=y, order_id=limit)
    desk.tick("950")
    assert desk.position(y, SELL) == short


def test_a_close_that_waits_when_everything_is_halted_is_refused(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 100)
    close = desk.close(x, p)
    halt = halts.start(kind="all", index_id=desk.index.id, reason="a bad venue", operator="risk")
    desk.tick("1000")
    assert desk.reason(close) == ("refused", "halted")
    halts.lift(halt_id=halt.id, operator="risk")
    desk.close(x, p)
    desk.tick("1000")
    assert desk.position(x, BUY) is None
