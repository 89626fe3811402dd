"""Clients and engine at once, on real connections: the same money is never spent twice, and nothing drifts."""

import itertools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import Count, Sum

from common import sql
from common.errors import Invalid, Refused
from contracts import services
from contracts.engine.execution import Moment, execute_closes, execute_marks, execute_opens
from contracts.engine.work import marked, reached_opens, waiting_closes
from contracts.models import Fill, Order, Position
from contracts.rules import BUY, SELL
from contracts.tests.desk import SHARD, Desk
from ledger import accounts, queries
from ledger.accounts import ClientAccount
from ledger.services import Kind, Posting, post

# A market order for 100 contracts at 1000 holds margin and fee at 1010.
HOLD = D("51.005")
# What a client may run into who trades while the engine executes.
EXPECTED = {"insufficient_balance", "close_waiting", "closing", "order_not_pending", "not_found"}


@pytest.fixture
def desk(committed):
    desk = Desk(pool="1000000")
    yield desk
    desk.clean()


def at_once(*calls: Callable[[], Any], seconds: float = 60) -> list[Any]:
    """Runs calls in threads that start together, each with its own connection; what each returned, or the reason of
    its refusal. Whatever else is raised fails the test."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            start.wait(10)
            return call()
        except (Refused, Invalid) as refusal:
            return refusal.reason
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls, timeout=seconds))


def current(moment: Moment) -> Moment:
    """The same prices, fetched just now: what has arrived until now may be executed."""
    now = sql.database_time()
    return replace(moment, at=now, indexes={i: replace(live, since=now) for i, live in moment.indexes.items()})


def execute(moment: Moment) -> None:
    """What the engine does after a tick; an error is not retried but raised."""
    execute_marks(moment, marked(SHARD))
    execute_closes(moment, waiting_closes(moment))
    execute_opens(moment, reached_opens(moment))


def opened(desk: Desk, client: int) -> Position:
    """A position of 1000 contracts at 1000. (`desk.trade` moves the desk's clock on, too far for many rounds.)"""
    desk.order(client, BUY, 1000)
    execute(current(desk.moment))
    position = desk.position(client, BUY)
    assert position is not None
    return position


def worth(client: int) -> D:
    """All that a client owns, before unrealised profit."""
    return sum(queries.client_balances(client).values(), D(0))


def paid(client: int) -> D:
    """What trading has cost a client so far."""
    sums = Fill.objects.filter(client_id=client).aggregate(Sum("fee"), Sum("liquidation_fee"), Sum("profit"))
    fees, penalties, profits = (sums[f"{name}__sum"] or D(0) for name in ("fee", "liquidation_fee", "profit"))
    return fees + penalties - profits


def test_without_the_lock_two_orders_would_see_the_same_money(desk):
    """The race is real: both read that there is enough. Even then the database refuses the second."""
    x = desk.client("100")
    both_have_read = threading.Barrier(2)

    def spend(number: int) -> str:
        try:
            with transaction.atomic():
                assert queries.balance(accounts.available(x)) >= 60
                both_have_read.wait(10)
                hold = Posting(accounts.available(x), accounts.order_hold(x), D(60), Kind.HOLD, f"race:{number}")
                post([hold])
                release = replace(hold, debit=hold.credit, credit=hold.debit, kind=Kind.RELEASE)
            both_have_read.wait(10)
            post([release])
        except IntegrityError:
            both_have_read.wait(10)
            return "refused"
        return "spent"

    assert sorted(at_once(lambda: spend(1), lambda: spend(2))) == ["refused", "spent"]


def test_four_orders_at_once_in_forty_rounds(desk):
    rounds = []
    for number in range(40):
        affordable = number % 4 + (number % 8 == 7)
        funds = affordable * HOLD + HOLD - D("0.000001")
        x = desk.client(str(funds))
        # Both directions in turn, so that the net limit stays out of it.
        direction = BUY if number % 2 else SELL
        answers = at_once(*[lambda x=x, d=direction: desk.order(x, d, 100)] * 4)
        assert answers.count("insufficient_balance") == 4 - affordable
        assert Order.objects.filter(client_id=x).count() == affordable
        assert desk.held(x) == affordable * HOLD
        assert desk.available(x) + desk.held(x) == funds
        rounds.append((x, direction, affordable, funds))
    desk.clean()
    desk.tick("1000")
    for x, direction, affordable, funds in rounds:
        assert Order.objects.filter(client_id=x, status="filled").count() == affordable
        p = desk.position(x, direction)
        assert (p.volume if p else 0) == 100 * affordable
        assert desk.held(x) == 0
        assert desk.available(x) + desk.margin(x) + paid(x) == funds


@pytest.mark.parametrize("round_", range(3))
def test_an_order_its_cancel_and_its_fill_at_once(desk, round_):
    for _ in range(8):
        x = desk.client("200")
        limit = desk.order(x, BUY, 100, "1005")
        desk.tick("1000", execute=False)
        _cancelled, _filled, other = at_once(
            lambda x=x, limit=limit: services.cancel_order(client_id=x, order_id=limit),
            desk.execute,
            lambda x=x: desk.order(x, BUY, 100, "900"),
        )
        status, fills = desk.reason(limit)[0], Fill.objects.filter(order_id=limit).count()
        assert (status, fills) in {("cancelled", 0), ("filled", 1)}
        assert desk.reason(other) == ("pending", "")
        assert desk.held(x) == Order.objects.get(id=other).hold
        assert worth(x) + paid(x) == 200


def test_a_close_and_a_mark_at_once(desk):
    for _ in range(12):
        x = desk.client("1000")
        p = opened(desk, x)
        close, _marked = at_once(lambda x=x, p=p: desk.close(x, p), lambda: desk.tick("953"))
        desk.execute()
        p.refresh_from_db()
        assert p.closed_at is not None
        assert [fill.kind for fill in p.fills.order_by("id")] == ["open", "liquidation"]
        assert close in {"closing", "not_found"} or desk.reason(close) == ("refused", "position_closed")
        assert worth(x) == desk.available(x) == 1000 - paid(x)
        desk.tick("1000")


def test_of_several_closes_at_once_one_waits(desk):
    x = desk.client("1000")
    p = opened(desk, x)
    answers = at_once(*[lambda: desk.close(x, p)] * 4)
    assert answers.count("close_waiting") == 3
    desk.tick("1000")
    assert Fill.objects.filter(position=p, kind="close").count() == 1
    assert worth(x) == desk.available(x) == 1000 - paid(x)


def test_expiry_and_fill_at_once(desk):
    """Timely when its tick came, overdue by the clock when it is executed: one of the two has it."""
    for _ in range(8):
        x = desk.client("100")
        order = desk.order(x, BUY, 100)
        moment = current(desk.moment)
        tick = moment.at - timedelta(seconds=5)
        late = replace(moment, at=tick, indexes={i: replace(v, since=tick) for i, v in moment.indexes.items()})
        Order.objects.filter(id=order).update(created_at=moment.at - timedelta(seconds=12))
        at_once(services.expire_orders, lambda late=late, order=order: execute_opens(late, [order]))
        assert desk.reason(order) in {("filled", ""), ("refused", "no_price")}
        assert desk.held(x) == 0
        assert worth(x) + paid(x) == 100


def test_the_same_batch_twice_at_once(desk):
    """Two engines that both believe they lead, and both have found the same ids."""
    clients = [desk.client("1000") for _ in range(20)]
    for x in clients:
        desk.order(x, BUY, 1000)
    moment = current(desk.moment)
    opens = reached_opens(moment)
    at_once(*[lambda: execute_opens(moment, opens)] * 2)
    assert Fill.objects.filter(kind="open").count() == len(opens) == 20

    closing, left = clients[:10], clients[10:]
    for x in closing:
        desk.close(x, Position.objects.get(client_id=x))
    later = current(desk.moment)
    closes = waiting_closes(later)
    at_once(*[lambda: execute_closes(later, closes)] * 2)
    assert Fill.objects.filter(kind="close").count() == len(closes) == 10

    desk.tick("953", execute=False)
    marks = marked(SHARD)
    at_once(*[lambda: execute_marks(desk.moment, marks)] * 2)
    assert Fill.objects.filter(kind="liquidation").count() == len(marks) == len(left)
    for x in clients:
        assert worth(x) == desk.available(x) == 1000 - paid(x)


def test_clients_trade_while_the_engine_executes(desk):
    """Nobody waits for another in a circle: any deadlock, or any other error of the database, fails a thread."""
    clients = [desk.client("2000") for _ in range(4)]
    trading = threading.Event()
    seeds = itertools.count(1)

    def trade(client: int) -> int:
        chance, accepted = random.Random(next(seeds)), 0
        for _ in range(60):
            direction = chance.choice((BUY, SELL))
            kind = chance.random()
            try:
                if kind < 0.4:
                    desk.order(client, direction, chance.randint(1, 300))
                    accepted += 1
                elif kind < 0.7:
                    desk.order(client, direction, chance.randint(1, 300), str(chance.randint(990, 1010)))
                    accepted += 1
                elif kind < 0.85:
                    limits = Order.objects.filter(client_id=client, status="pending", price_type="limit")
                    if (order := limits.first()) is not None:
                        services.cancel_order(client_id=client, order_id=order.id)
                elif (position := desk.position(client, direction)) is not None:
                    desk.close(client, position)
                    accepted += 1
            except (Refused, Invalid) as refusal:
                if refusal.reason not in EXPECTED:
                    raise
        return accepted

    def engine() -> None:
        for price in itertools.cycle(("1000", "1004", "998", "955", "1001")):
            desk.tick(price, execute=False)
            execute(current(desk.moment))
            if trading.is_set():
                return

    def all_trade() -> list[int]:
        try:
            return at_once(*[lambda client=client: trade(client) for client in clients])
        finally:
            trading.set()

    accepted, _ = at_once(all_trade, engine)
    execute(current(desk.moment))
    assert Order.objects.filter(client_id__in=clients).count() == sum(accepted)
    assert not Order.objects.filter(status="pending", price_type="market").exists()
    assert Order.objects.filter(status="filled", fill=None).count() == 0
    assert Fill.objects.filter(kind="open").count() > 20
    assert not Position.objects.filter(fills__kind__in=["cap", "liquidation"], closed_at=None).exists()
    opened = Position.objects.filter(closed_at=None).values("client_id", "direction").annotate(n=Count("id"))
    assert all(row["n"] == 1 for row in opened)
    for x in clients:
        assert worth(x) + paid(x) == 2000
        waiting = Order.objects.filter(client_id=x, status="pending").aggregate(Sum("hold"))["hold__sum"] or 0
        assert queries.client_balances(x)[ClientAccount.ORDER_HOLD] == waiting
