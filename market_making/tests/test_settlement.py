"""The pool's settlement: worked examples with exact figures, the formulas in sets against the pure ones, and that
nobody gains by when or how they pledge. The examples stand in docs/market-making.md."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal as D
from unittest.mock import patch

import pytest
from django.db import transaction
from django.utils import translation
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common import sql
from common.errors import Refused
from common.money import floor6
from contracts.tests.desk import Desk
from ledger import accounts, queries
from ledger.accounts import PlatformAccount
from ledger.services import Kind, Posting, post
from market_making import queries as pool
from market_making import rules, services, settlement
from market_making.book import PoolBook
from market_making.models import Exposure, Pledge, PledgeResult, Pool
from market_making.rules import Settled, Share
from operations import halts, runs
from operations.models import JobRun

PLEDGED = ("60000", "30000", "10000")


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk(pool="0")


@pytest.fixture
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def pledgers(desk: Desk) -> list[int]:
    """Three clients with 60,000, 30,000 and 10,000 in the pool."""
    return [pledger(desk, amount) for amount in PLEDGED]


def pledger(desk: Desk, amount: str) -> int:
    client = desk.client("0")
    desk.pledge(client, amount)
    return client


def settled(clients: Sequence[int]) -> list[tuple[D, ...]]:
    """Loss, income, principal returned, principal and units afterwards, client by client."""
    rows = Pledge.objects.filter(client_id__in=clients).order_by("id")
    return [(row.loss, row.income, row.returned, row.principal, row.units) for row in rows]


def money(*values: str) -> tuple[D, ...]:
    return tuple(D(value) for value in values)


def result() -> D:
    return D(queries.balance(PlatformAccount.POOL_RESULT))


# Worked examples ------------------------------------------------------------------------------------------------
def test_with_income(desk: Desk, pledgers: list[int]) -> None:
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("900")
    run = desk.settle()
    assert (run.equity, run.reserved, run.profit, run.due) == money("100501.6003", "0", "0", "501.6003")
    assert settled(pledgers) == [
        money("0", "300.960180", "0", "60000", "60000"),
        money("0", "150.480090", "0", "30000", "30000"),
        money("0", "50.160030", "0", "10000", "10000"),
    ]
    assert [desk.available(client) for client in pledgers] == list(money("300.960180", "150.480090", "50.160030"))
    assert (pool.figures().equity, pool.figures().units, result()) == money("100000", "100000", "0")
    desk.clean()


def test_with_loss_and_a_leaver(desk: Desk, pledgers: list[int]) -> None:
    desk.trade(desk.client("20000"), 1, 1000)
    services.cancel_pledges(client_id=pledgers[2])
    desk.tick("1030")
    run = desk.settle()
    assert (run.equity, run.reserved, run.profit) == money("100001.5003", "4500.9", "298")
    assert (run.due, run.prices) == (D("9970.350030"), {"a": "1030.0000"})
    assert settled(pledgers) == [
        money("177.899820", "0", "0", "59822.100180", "59822.100180"),
        money("88.949910", "0", "0", "29911.050090", "29911.050090"),
        money("29.649970", "0", "9970.350030", "0", "0"),
    ]
    assert desk.available(pledgers[2]) == D("9970.350030")
    after = pool.figures()
    assert (after.equity, after.units, result()) == money("90031.150270", "89733.150270", "298")
    assert Pool.objects.get().units_leaving == 0
    desk.clean()


def test_where_the_reserve_binds(desk: Desk, pledgers: list[int]) -> None:
    trader = desk.client("20000")
    desk.trade(trader, 1, 4500)
    desk.trade(trader, -1, 4000)
    for client in pledgers:
        services.cancel_pledges(client_id=client)
    run = desk.settle()
    assert (run.equity, run.reserved, run.profit, run.due) == money("100012.750150", "38250.45", "-17", "61762.300150")
    assert settled(pledgers) == [
        money("0", "17.850090", "37039.530000", "22960.470000", "22960.470000"),
        money("0", "8.925045", "18519.765000", "11480.235000", "11480.235000"),
        money("0", "2.975015", "6173.255000", "3826.745000", "3826.745000"),
    ]
    after = pool.figures()
    assert (after.equity, after.units, result()) == money("38250.45", "38267.45", "-17")
    assert Pool.objects.get().units_leaving == after.units
    desk.clean()
    # Positions close, and the next settlement pays the rest.
    for direction in (1, -1):
        position = desk.position(trader, direction)
        assert position is not None
        desk.close(trader, position)
    desk.tick("1000")
    desk.settle()
    assert {row[3:] for row in settled(pledgers)} == {money("0", "0")}
    assert not Pledge.objects.live().exists()
    desk.clean()


def test_joining_at_a_value_of_its_own(desk: Desk) -> None:
    desk.pledge(desk.client("0"), "100000")
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("1010.7")
    book = PoolBook.locked()
    assert (book.units, book.value) == money("100000", "99896.5003")
    joined = pledger(desk, "1000")
    pledge = Pledge.objects.get(client_id=joined)
    assert pledge.units == D("1001.036069328646941599")
    assert pool.figures().equity == D("101001.5003")
    desk.clean()


# The formulas ---------------------------------------------------------------------------------------------------
MICRO = D("0.000001")
amounts = st.one_of(st.sampled_from([0, 1, 2, 999_999, 10_000_000]), st.integers(0, 10**13)).map(lambda n: n * MICRO)
unit_counts = st.one_of(st.sampled_from([1, 2, 10**18]), st.integers(1, 10**20), st.integers(1, 10**31)).map(
    lambda n: n * D("1e-18")
)
shares = st.lists(st.builds(Share, amounts, unit_counts, st.booleans()), min_size=1, max_size=7)
fractions = st.integers(0, 10**6).map(lambda n: D(n) / 10**6)


def pool_of(found: list[Share], equity: D, reserved: D, part: D, lost: bool) -> tuple[D, D, D]:
    """E, R and U that a pool may have: U at most R, or below zero."""
    reserved = floor6(equity * reserved)
    profit = -floor6(equity * part * 3) if lost else floor6(reserved * part)
    return equity, reserved, profit


@given(shares, amounts, fractions, fractions, st.booleans())
def test_sums_are_exact_for_any_pool(found: list[Share], e: D, r: D, part: D, lost: bool) -> None:
    equity, reserved, profit = pool_of(found, e, r, part, lost)
    rows = rules.settle(found, equity, reserved, profit)
    value, all_units = equity - profit, sum(share.units for share in found)
    pays = sum(row.income + row.returned for row in rows)
    # What is left covers the reserve, and a unit is worth 1 or a dust more.
    assert pays <= equity - reserved
    units = sum(row.units for row in rows)
    assert 0 <= value - pays - units <= len(rows) * (MICRO + D("1e-18"))
    for share, row in zip(found, rows, strict=True):
        assert min(row.loss, row.income, row.returned, row.principal, row.units) >= 0
        assert share.principal == row.loss + row.returned + row.principal
        assert not (row.loss and row.income)
        assert share.leaves or not row.returned
        assert row.income + row.returned + row.units <= share.units * value / all_units + D("1e-18")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shares, amounts, fractions, fractions, st.booleans(), st.integers(1, 3))
@example([Share(D(10), D(10), True), Share(D(5), D(5))], D(15), D("0.9"), D("0.5"), False, 1)
@example([Share(D(10), D("1e-18"), True), Share(D(0), D(7))], D(0), D(0), D(0), False, 2)
def test_the_database_settles_by_the_rules(
    desk: Desk, found: list[Share], e: D, r: D, part: D, lost: bool, batch: int
) -> None:
    equity, reserved, profit = pool_of(found, e, r, part, lost)
    with transaction.atomic(), patch.object(settlement, "BATCH", batch):
        ids = arrange(desk, found, equity, reserved, profit)
        before = {row.id: row for row in Pledge.objects.all()}
        run, finished = JobRun(job="pledges", day=runs.today()), False
        while not finished:
            finished = settlement.step(run)
            # At every step the books add up, and nothing more is to come than was set aside.
            differences = [*pool.differences()]
            assert not differences
        rows = list(Pledge.objects.filter(id__in=ids).order_by("id"))
        got = [
            Settled(row.loss - before[row.id].loss, row.income, row.returned, row.principal, row.units) for row in rows
        ]
        assert got == rules.settle(found, equity, reserved, profit)
        paid = sum(row.income + row.returned for row in got)
        assert pool.figures().equity == equity - paid
        assert queries.balance(PlatformAccount.SETTLEMENT_DUE) == 0
        transaction.set_rollback(True)


def arrange(desk: Desk, found: list[Share], equity: D, reserved: D, profit: D) -> list[int]:
    """A pool with these pledges and figures, in accordance with its books."""
    ids = []
    principal = D(0)
    for number, share in enumerate(found):
        client = desk.client("0")
        reference = f"test:share:{number}"
        post([Posting(PlatformAccount.CUSTODY, accounts.pledge(client), share.principal, Kind.PLEDGE, reference)])
        pledge = Pledge.objects.create(
            client_id=client,
            no=f"test{number}",
            paid_in=share.principal,
            principal=share.principal,
            units=share.units,
            cancelled_at=desk._at - timedelta(hours=1) if share.leaves else None,
        )
        ids.append(pledge.id)
        principal += share.principal
    custody, result = PlatformAccount.CUSTODY, PlatformAccount.POOL_RESULT
    rest = equity - principal
    debit, credit = (custody, result) if rest > 0 else (result, custody)
    post([Posting(debit, credit, abs(rest), Kind.CORRECTION, "test:result")])
    quantity = D(int(profit / 1000) + 1) if profit > 0 else D(0)
    Exposure.objects.create(
        index=desk.index,
        direction=1,
        quantity=quantity,
        notional=quantity * 1000 - profit,
        bound=reserved,
        volume=1,
    )
    units = sum((share.units for share in found), D(0))
    sql.execute("UPDATE market_making_pool SET units = %s, reserved = %s", [units, reserved])
    sql.execute("UPDATE indexes_indexstate SET ticked_at = extract(epoch FROM clock_timestamp())")
    return ids


# Nothing is gained ----------------------------------------------------------------------------------------------
def test_joining_just_before_gains_nothing(desk: Desk, pledgers: list[int]) -> None:
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("900")
    late = pledger(desk, "50000")
    desk.settle()
    assert settled([late]) == [money("0", "0", "0", "50000", "50000")]
    # Of the others' income a micro less: units are rounded up for whoever joins.
    assert settled(pledgers)[0][1] == D("300.960179")
    desk.clean()


def test_leaving_just_after_a_loss_gains_nothing(desk: Desk, pledgers: list[int]) -> None:
    """Whoever cancels when the loss has come bears its part of it; whoever cancels after the day's end stays on."""
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("1030")
    services.cancel_pledges(client_id=pledgers[2])
    yesterday = runs.today() - timedelta(days=1)
    assert runs.carry_out("pledges", yesterday).did
    assert settled(pledgers)[2] == money("29.649970", "0", "0", "9970.350030", "9970.350030")
    # Counted by the gate all the same, and paid out a day later.
    assert Pool.objects.get().units_leaving == D("9970.350030")
    desk.clean()
    desk.settle()
    assert settled(pledgers)[2] == money("29.649970", "0", "9970.350030", "0", "0")
    desk.clean()


@pytest.mark.parametrize("tick", ["900", "1030", "1000"])
def test_splitting_gains_nothing(desk: Desk, pledgers: list[int], tick: str) -> None:
    trader = desk.client("20000")
    desk.trade(trader, 1, 1000)
    desk.tick("1007.3")
    whole = pledger(desk, "1000")
    split = desk.client("0")
    for amount in ("333.333333", "333.333333", "333.333334"):
        desk.pledge(split, amount)
    desk.tick(tick)
    for client in (whole, split):
        services.cancel_pledges(client_id=client)
    desk.settle()
    assert desk.available(split) <= desk.available(whole)
    assert desk.available(whole) - desk.available(split) <= 3 * MICRO
    desk.clean()


# Leaving --------------------------------------------------------------------------------------------------------
def test_cancelling(desk: Desk, pledgers: list[int]) -> None:
    stranger = desk.client("100")
    with pytest.raises(Refused) as refusal:
        services.cancel_pledges(client_id=stranger)
    assert refusal.value.reason == "no_pledge"
    assert PoolBook.locked().leaving == 0
    services.cancel_pledges(client_id=pledgers[0])
    first = Pledge.objects.get(client_id=pledgers[0]).cancelled_at
    services.cancel_pledges(client_id=pledgers[0])
    assert Pledge.objects.get(client_id=pledgers[0]).cancelled_at == first
    # The gate knows at once, the pool's row after the job, and nothing is counted twice.
    assert (PoolBook.locked().leaving, Pool.objects.get().units_leaving) == money("60000", "0")
    assert [services.count_leaving(), services.count_leaving()] == [1, 0]
    assert (PoolBook.locked().leaving, Pool.objects.get().units_leaving) == money("60000", "60000")
    desk.settle()
    assert desk.available(pledgers[0]) == 60000
    assert (pool.figures().units, PoolBook.locked().leaving) == money("40000", "0")
    with pytest.raises(Refused):
        services.cancel_pledges(client_id=pledgers[0])
    desk.clean()


def test_a_cancelled_pledge_backs_nothing_from_then_on(desk: Desk, pledgers: list[int]) -> None:
    for client in pledgers:
        services.cancel_pledges(client_id=client)
    trader = desk.client("1000")
    order = desk.order(trader, 1, 10)
    desk.tick("1000")
    assert desk.reason(order)[1] in ("index_reserve", "pool_exhausted")
    assert desk.available(trader) == 1000


def test_a_cancel_while_a_settlement_is_being_carried_out(desk: Desk, pledgers: list[int]) -> None:
    """It stays in this one, whose figures are fixed, and leaves with the next."""
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("900")
    run = JobRun(job="pledges", day=runs.today())
    with patch.object(settlement, "BATCH", 1):
        assert not settlement.step(run)
        services.cancel_pledges(client_id=pledgers[1])
        assert services.count_leaving() == 0
        assert D("30000") <= PoolBook.locked().leaving <= D("30151")
        late = pledger(desk, "500")
        while not settlement.step(run):
            assert not [*pool.differences()]
    assert [row[1] for row in settled(pledgers)] == list(money("300.960180", "150.480090", "50.160030"))
    assert settled([late]) == [money("0", "0", "0", "500", "500")]
    assert (services.count_leaving(), Pool.objects.get().units_leaving) == (1, 30000)
    desk._day = run.day
    desk.settle()
    assert settled(pledgers)[1] == money("0", "150.480090", "30000", "0", "0")
    desk.clean()


# When it runs ---------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("english")
def test_it_waits_for_prices_marks_and_halts(desk: Desk, pledgers: list[int]) -> None:
    trader = desk.client("20000")
    desk.trade(trader, 1, 1000)
    day = runs.today()
    desk.tick(None)
    assert "fresh price" in runs.carry_out("pledges", day).run.note
    desk.tick("900", execute=False)
    assert "marked" in runs.carry_out("pledges", day).run.note
    desk.execute()
    desk.trade(trader, 1, 100, "900")
    halt = halts.start(kind="all", index_id=desk.index.id, reason="a test", operator="a test")
    assert "halted" in runs.carry_out("pledges", day).run.note
    assert not Pledge.objects.filter(income__gt=0).exists()
    halts.lift(halt_id=halt.pk, operator="a test")
    assert runs.carry_out("pledges", day).did
    assert Pledge.objects.filter(income__gt=0).count() == 3
    desk.clean()


def test_again_for_its_day_changes_nothing(desk: Desk, pledgers: list[int]) -> None:
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("900")
    run = desk.settle()
    before = settled(pledgers), desk.books(), PledgeResult.objects.count()
    for _ in range(2):
        assert not runs.carry_out("pledges", run.day, by_hand=True).did
    assert (settled(pledgers), desk.books(), PledgeResult.objects.count()) == before


def test_missed_days_fall_into_the_next(desk: Desk, pledgers: list[int]) -> None:
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("900")
    today = runs.today()
    assert runs.carry_out("pledges", today).did
    desk.pledge(pledgers[0], "10")
    assert not runs.carry_out("pledges", today - timedelta(days=3), by_hand=True).did
    assert JobRun.objects.get(day=today - timedelta(days=3)).state == "missed"
    assert settled(pledgers[:1])[0][1] == D("300.960180")
    desk.clean()


def test_an_empty_pool_is_settled(desk: Desk) -> None:
    run = desk.settle()
    assert (run.due, run.finished_at is not None) == (0, True)
    desk.pledge(desk.client("0"), "100")
    desk.settle()
    desk.clean()


# Forced exit ----------------------------------------------------------------------------------------------------
def test_who_is_not_paid_for_seven_days_is_overdue(desk: Desk, pledgers: list[int]) -> None:
    trader = desk.client("20000")
    desk.trade(trader, 1, 4500)
    desk.trade(trader, -1, 4000)
    for client in pledgers:
        services.cancel_pledges(client_id=client)
    desk.settle()
    assert not pool.overdue()
    sql.execute("UPDATE market_making_pledge SET unpaid_since = unpaid_since - interval '7 days'")
    assert pool.overdue()
    book = PoolBook.locked()
    short = pool.exit_shortfall(book.value, book.units, book.equity - book.reserved)
    assert short == D("38267.45")
    for direction in (1, -1):
        position = desk.position(trader, direction)
        assert position is not None
        desk.close(trader, position)
    desk.tick("1000")
    book = PoolBook.locked()
    assert pool.exit_shortfall(book.value, book.units, book.equity - book.reserved) == 0
    desk.settle()
    assert not pool.overdue()
    desk.clean()
