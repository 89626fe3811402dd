"""Eight threads that do whatever clients do, and an engine that ticks and executes all the while."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal as D

import pytest
from django.db import connections
from django.db.models import Sum

from common import sql
from common.errors import Invalid, Refused
from contracts import services
from contracts.engine.work import execute_all
from contracts.models import Fill, Order, Position
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from contracts.tests.test_races import at_once, current, paid, worth
from ledger import queries
from ledger.accounts import ClientAccount, PlatformAccount

THREADS, OPERATIONS = 8, 500
FUNDS = D(2000)
# What a client may run into who does things at random.
CLEAR = {
    "insufficient_balance",
    "too_many_orders",
    "close_waiting",
    "close_volume",
    "protection_reached",
    "closing",
    "order_not_pending",
    "not_found",
}


@pytest.fixture
def desk(committed) -> Iterator[Desk]:
    desk = Desk(pool="1000000")
    yield desk
    desk.clean()


def operate(desk: Desk, client: int, seed: int) -> Counter[str]:
    """A thread's operations; how many of each were accepted, and how many refused for which reason."""
    chance, done = random.Random(seed), Counter[str]()
    for _ in range(OPERATIONS):
        direction, volume = chance.choice((BUY, SELL)), chance.randint(1, 100)
        what = chance.choices(("market", "limit", "cancel", "close", "part", "protect"), (4, 4, 4, 2, 3, 3))[0]
        try:
            if what == "market":
                desk.order(client, direction, volume)
            elif what == "limit":
                desk.order(client, direction, volume, str(chance.randint(985, 1015)))
            elif what == "cancel":
                waiting = Order.objects.filter(client_id=client, status="pending", price_type="limit")
                order = waiting.order_by("?").values_list("id", flat=True).first()
                services.cancel_order(client_id=client, order_id=order or 0)
            else:
                found = Position.objects.filter(client_id=client, direction=direction, closed_at=None)
                change(desk, client, found.first(), what, chance)
        except (Refused, Invalid) as refusal:
            if refusal.reason not in CLEAR:
                raise
            done[refusal.reason] += 1
        else:
            done[what] += 1
    return done


def change(desk: Desk, client: int, position: Position | None, what: str, chance: random.Random) -> None:
    if position is None:
        services.close_position(client_id=client, position_id=0)
    elif what == "protect":
        near, far = D(chance.randint(1, 20)), position.direction * D(chance.randint(2, 20))
        services.protect_position(
            client_id=client,
            position_id=position.id,
            take_profit=chance.choice((None, 1000 + far + position.direction * near)),
            stop_loss=chance.choice((None, 1000 - far)),
        )
    else:
        desk.close(client, position, None if what == "close" else chance.randint(1, position.volume))


@contextmanager
def engine(desk: Desk) -> Iterator[None]:
    """Ticks and executes as the engine does, but several times a second; whatever fails in it fails the test."""
    over, errors = threading.Event(), []

    def run() -> None:
        try:
            for price in itertools.cycle(("1000", "1004", "998", "1012", "988", "955", "1001")):
                desk.tick(price, execute=False)
                assert execute_all(current(desk.moment), lambda: True).failures == 0
                services.expire_orders()
                if over.wait(0.1):
                    return
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not errors, errors


def all_balances() -> D:
    """What clients and platform hold together: as much as came over the chain."""
    [(held,)] = sql.rows("SELECT sum(balance) FROM ledger_account WHERE id <> %s", [int(PlatformAccount.CUSTODY)])
    assert held == -queries.balance(PlatformAccount.CUSTODY)
    return held


@pytest.mark.parametrize("several", [False, True], ids=["one client", "eight clients"])
def test_eight_threads_and_the_engine(desk, several):
    clients = [desk.client(str(FUNDS)) for _ in range(THREADS if several else 1)]
    held = all_balances()
    calls: list[Callable[[], Counter[str]]] = [
        lambda client=client, seed=seed: operate(desk, client, seed)
        for seed, client in zip(range(THREADS), itertools.cycle(clients), strict=False)
    ]
    with engine(desk):
        done = sum(at_once(*calls, seconds=300), Counter())
    execute_all(current(desk.moment), lambda: True)

    assert done.total() == THREADS * OPERATIONS
    for what in ("market", "limit", "cancel", "close", "part", "protect"):
        assert done[what] > 20, done
    assert Order.objects.filter(kind="open").count() == done["market"] + done["limit"]
    assert Order.objects.filter(kind="close").count() == done["close"] + done["part"]
    assert Order.objects.filter(status="cancelled", reason="").count() == done["cancel"]
    assert not Order.objects.filter(status="pending", price_type="market").exists()
    assert not Order.objects.filter(status="filled", fill=None).exists()
    assert not Position.objects.exclude(mark="").filter(closed_at=None).exists()
    assert {"open", "close", "liquidation"} <= set(Fill.objects.values_list("kind", flat=True))
    assert all_balances() == held
    for client in clients:
        assert worth(client) + paid(client) == FUNDS
        balances = queries.client_balances(client)
        waiting = Order.objects.filter(client_id=client, status="pending").aggregate(Sum("hold"))["hold__sum"]
        margins = Position.objects.filter(client_id=client, closed_at=None).aggregate(Sum("margin"))["margin__sum"]
        assert balances[ClientAccount.ORDER_HOLD] == (waiting or 0)
        assert balances[ClientAccount.MARGIN] == (margins or 0)
