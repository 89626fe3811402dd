"""Take-profit and stop-loss: what a client sets, and the ticks that meet it."""

from decimal import Decimal as D

import pytest
from django.db import IntegrityError, transaction

from common.errors import Invalid, Refused
from contracts import services
from contracts.engine.work import execute_all
from contracts.models import Fill, Position
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from operations import halts


@pytest.fixture
def desk(db):
    desk = Desk()
    yield desk
    desk.clean()


def protect(client, position, take=None, stop=None):
    services.protect_position(
        client_id=client,
        position_id=position.id,
        take_profit=None if take is None else D(take),
        stop_loss=None if stop is None else D(stop),
    )


def refusal(run):
    with pytest.raises(Refused) as caught:
        run()
    return caught.value.reason


@pytest.mark.parametrize(
    ("direction", "take", "stop", "quiet", "tick", "kind", "price"),
    [
        (BUY, "1010", "990", "1009.9999", "1010", "take_profit", "1009.798"),
        (BUY, "1010", "990", "990.0001", "985.5", "stop_loss", "985.3029"),
        (SELL, "990", "1010", "990.0001", "989", "take_profit", "989.1978"),
        (SELL, "990", "1010", "1009.9999", "1010", "stop_loss", "1010.202"),
    ],
)
def test_a_tick_that_reaches_it_closes_at_the_tick(desk, direction, take, stop, quiet, tick, kind, price):
    x = desk.client("20000")
    p = desk.trade(x, direction, 1000)
    protect(x, p, take, stop)
    desk.tick(quiet)
    assert desk.position(x, direction) is not None
    desk.tick(tick)
    assert desk.position(x, direction) is None
    fill = Fill.objects.latest("id")
    assert (fill.kind, fill.order_id, fill.tick, fill.price, fill.volume) == (kind, None, D(tick), D(price), 1000)
    p.refresh_from_db()
    assert (p.close_kind, p.profit) == (kind, fill.profit)


def test_it_sees_only_prices_fetched_after_it_was_set(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 1000)
    protect(x, p, take="1010")
    # The next tick's prices, a second from the last, were fetched before this moment.
    Position.objects.filter(id=p.id).update(protected_at=desk._at.replace(year=desk._at.year + 1))
    desk.tick("1020")
    assert desk.position(x, BUY) is not None
    Position.objects.filter(id=p.id).update(protected_at=desk._at)
    desk.tick("1020")
    assert desk.position(x, BUY) is None


def test_it_stays_through_averaging_and_partial_close_and_can_be_taken_away(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 1000)
    protect(x, p, take="1100", stop="970")
    desk.trade(x, BUY, 500)
    desk.close(x, p, 700)
    desk.tick("1000")
    p.refresh_from_db()
    assert (p.volume, p.take_profit, p.stop_loss) == (800, D(1100), D(970))
    assert (p.lower_trigger, p.upper_trigger) == (D(970), D(1100))
    protect(x, p)
    p.refresh_from_db()
    assert (p.lower_trigger, p.upper_trigger) == (p.liquidation_price, p.cap_price)
    desk.tick("970")
    assert desk.position(x, BUY) is not None


def test_liquidation_comes_before_a_stop_loss_and_the_mark_keeps_its_price(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 1000)
    protect(x, p, stop="990")
    desk.tick("985", execute=False)
    p.refresh_from_db()
    assert (p.mark, p.mark_price) == ("stop_loss", D(985))
    # A newer tick decides nothing about it any more.
    desk.tick("900", execute=False)
    desk.clean()
    desk.execute()
    desk.execute()
    assert [(fill.kind, fill.tick) for fill in Fill.objects.exclude(kind="open")] == [("stop_loss", D(985))]
    y = desk.client("20000")
    q = desk.trade(y, BUY, 1000, "900")
    protect(y, q, stop="890")
    desk.tick("800")
    assert Fill.objects.latest("id").kind == "liquidation"


def test_what_is_refused_changes_nothing(desk):
    x, y = desk.client("20000"), desk.client("20000")
    p = desk.trade(x, BUY, 1000)
    before = Position.objects.values().get(id=p.id)
    assert refusal(lambda: protect(x, p, take="1000")) == "protection_reached"
    assert refusal(lambda: protect(x, p, stop="1000.5")) == "protection_reached"
    with pytest.raises(Invalid, match="not_found"):
        protect(y, p, take="1100")
    with pytest.raises(Invalid) as caught:
        protect(x, p, stop="990.00001")
    assert list(caught.value.errors) == ["stop_loss"]
    halt = halts.start(kind="all", index_id=desk.index.id, reason="a bad venue", operator="risk")
    assert refusal(lambda: protect(x, p, stop="990")) == "halted"
    halts.lift(halt_id=halt.id, operator="risk")
    desk.tick("950", execute=False)
    assert refusal(lambda: protect(x, p, stop="940")) == "closing"
    Position.objects.filter(id=p.id).update(mark="", mark_price=None, mark_result=None, marked_at=None)
    assert Position.objects.values().get(id=p.id) == before
    Position.objects.filter(id=p.id).update(mark="liquidation", mark_price=950, mark_result=D("-500.1"))
    with pytest.raises(IntegrityError, match="protected"), transaction.atomic():
        Position.objects.filter(id=p.id).update(stop_loss=D(-1))
    desk.execute()
    with pytest.raises(Invalid, match="not_found"):
        protect(x, p, stop="990")


def test_both_directions_at_once_each_with_its_own(desk):
    x = desk.client("20000")
    long, short = desk.trade(x, BUY, 500), desk.trade(x, SELL, 500)
    protect(x, long, take="1010", stop="990")
    protect(x, short, take="980", stop="1020")
    desk.tick("1010")
    assert (desk.position(x, BUY), desk.position(x, SELL)) == (None, short)
    desk.tick("1020")
    assert desk.position(x, SELL) is None
    assert [fill.kind for fill in Fill.objects.exclude(kind="open").order_by("id")] == ["take_profit", "stop_loss"]


def test_a_moment_is_executed_again_without_effect(desk):
    x = desk.client("20000")
    p = desk.trade(x, BUY, 1000)
    protect(x, p, take="1010")
    desk.tick("1015", execute=False)
    moment = desk.moment
    for _ in range(3):
        execute_all(moment, lambda: True)
    assert Fill.objects.filter(position=p).count() == 2
