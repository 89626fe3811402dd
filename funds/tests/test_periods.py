"""The ends of periods: every order is rewarded once, whoever runs the job, how often, and when."""

import os
import signal
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import Refused
from common.times import SHANGHAI
from funds import queries, rules, services
from funds.models import FundOrder, FundReward
from funds.services import periods
from funds.tests.shop import bought, clean, fund_reserve, money, new_client, new_product, reserve
from ledger.accounts import PlatformAccount
from ledger.models import Transfer
from operations import runs
from operations.models import JobRun
from payments.tests.test_scanner import at_once

JAN31 = datetime(2027, 1, 31, 10, 0, tzinfo=SHANGHAI)


def run(day: date, by_hand: bool = False) -> dict[str, object]:
    outcome = runs.carry_out("funds", day, by_hand=by_hand)
    assert outcome.run.state == "done"
    return outcome.run.counts


@pytest.mark.django_db
def test_a_period_ends_and_pays() -> None:
    fund_reserve("1000")
    client = new_client()
    order = bought(client, new_product(), started=JAN31)
    assert run(date(2027, 4, 29))["waiting"] == 0
    assert (money(client), reserve()) == ((0, 1010), 1000)
    assert run(date(2027, 4, 30))["rewarded"] == 1
    assert (money(client), reserve()) == ((202, 1010), 798)
    assert queries.income(client) == 202
    for day in (date(2027, 4, 30), date(2027, 5, 1)):
        assert run(day, by_hand=True).get("rewarded", 0) <= 1
    assert (money(client), FundReward.objects.count()) == ((202, 1010), 1)
    services.request_redemption(client_id=client, order_id=order.id)
    assert money(client) == (1212, 0)
    clean()


@pytest.mark.django_db
def test_a_loss_is_taken_from_the_principal() -> None:
    client = new_client()
    order = bought(client, new_product(early_fee="0.1", periods={1: "-0.1"}), started=JAN31)
    run(date(2027, 2, 28))
    assert (money(client), reserve(), queries.income(client)) == ((0, 909), 101, -101)
    services.request_redemption(client_id=client, order_id=order.id)
    assert money(client) == (909, 0)
    clean()


@pytest.mark.django_db
def test_an_order_waits_for_the_reserve_and_others_do_not() -> None:
    fund_reserve("150")
    clients = [new_client() for _ in range(3)]
    product = new_product(price="100", periods={1: "0.2"})
    large, _small, later = [
        bought(client, product, volume, started=JAN31) for client, volume in zip(clients, (10, 5, 5), strict=True)
    ]
    counts = run(date(2027, 2, 28))
    assert (counts["rewarded"], counts["waiting"]) == (1, 2)
    assert [money(client) for client in clients] == [(0, 1000), (100, 500), (0, 500)]
    assert list(FundOrder.objects.filter(waiting_since__isnull=False)) == [large, later]
    waiting_since = FundOrder.objects.get(id=large.id).waiting_since
    # Again: nothing is paid twice, and it has waited since the first try.
    counts = run(date(2027, 2, 28), by_hand=True)
    assert (counts["rewarded"], counts["waiting"]) == (1, 2)
    assert FundOrder.objects.get(id=large.id).waiting_since == waiting_since
    fund_reserve("250", PlatformAccount.FEE_REVENUE)
    with pytest.raises(Refused):
        services.top_up_reserve(amount=Decimal("250.000001"), operator="o", reason="r")
    services.top_up_reserve(amount=Decimal(250), operator="o", reason="rewards are due")
    assert services.pay_waiting() == 2
    assert services.pay_waiting() == 0
    assert ([money(client)[0] for client in clients], reserve()) == ([200, 100, 100], 0)
    assert not FundOrder.objects.filter(waiting_since__isnull=False).exists()
    clean()


@pytest.mark.django_db
def test_by_hand_what_waited_is_tried_again() -> None:
    client = new_client()
    bought(client, new_product(periods={1: "0.2"}), started=JAN31)
    assert run(date(2027, 2, 28))["waiting"] == 1
    fund_reserve("202")
    counts = run(date(2027, 2, 28), by_hand=True)
    assert (counts["rewarded"], counts["waiting"], money(client)) == (1, 0, (202, 1010))
    clean()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("started", "months", "ends"),
    [
        ("2028-01-31", 1, "2028-02-29"),
        ("2027-01-31", 1, "2027-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2027-10-31", 1, "2027-11-30"),
        ("2027-12-31", 1, "2028-01-31"),
    ],
)
def test_months_end_when_the_calendar_says(started: str, months: int, ends: str) -> None:
    fund_reserve("1000")
    client = new_client()
    moment = datetime.fromisoformat(started).replace(hour=23, minute=59, second=59, tzinfo=SHANGHAI)
    bought(client, new_product(periods={months: "0.2"}), started=moment)
    last = date.fromisoformat(ends)
    run(last - timedelta(days=1))
    assert money(client) == (0, 1010)
    run(last)
    run(last, by_hand=True)
    run(last + timedelta(days=1))
    assert (money(client), FundReward.objects.count()) == ((202, 1010), 1)
    clean()


@pytest.mark.django_db
def test_run_late_it_makes_up_for_all_days() -> None:
    fund_reserve("1000")
    client, product = new_client(), new_product(periods={1: "0.2"})
    for day in range(3):
        bought(client, product, started=JAN31 + timedelta(days=day + 1))
    assert run(date(2027, 6, 30))["rewarded"] == 3
    assert money(client) == (606, 3030)
    assert runs.carry_out("funds", date(2027, 3, 1)).run.state == "missed"
    assert money(client) == (606, 3030)
    clean()


@pytest.mark.django_db
def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    fund_reserve("1000")
    bought(new_client(), new_product(periods={1: "0.2"}), started=JAN31)
    call_command("settle", "funds", "--date", "2027-02-28")
    call_command("settle", "funds", "--date", "2027-02-28")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("funds 2027-02-28: done: ")
    assert "rewarded 1" in first
    assert "rewarded 1" in second


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch, committed: None) -> list[int]:
    """Twenty orders of as many clients, in batches of three; the reserve suffices for all."""
    monkeypatch.setattr(periods, "BATCH", 3)
    fund_reserve("5000")
    product = new_product(volume=1000, periods={1: "0.2"})
    clients = [new_client() for _ in range(20)]
    for number, client in enumerate(clients):
        bought(client, product, started=JAN31 + timedelta(seconds=number // 4))
    return clients


def all_paid(clients: list[int]) -> None:
    assert [money(client) for client in clients] == [(202, 1010)] * 20
    assert reserve() == 5000 - 20 * 202
    assert Transfer.objects.filter(kind="fund_reward").count() == FundReward.objects.count() == 20
    assert JobRun.objects.get(job="funds").counts == {"waiting": 0, "failed": 0, "rewarded": 20}
    clean()


def test_twice_at_once(many: list[int]) -> None:
    day = date(2027, 2, 28)
    at_once(*[lambda: runs.carry_out("funds", day)] * 4)
    while runs.carry_out("funds", day).busy:
        time.sleep(0.05)
    all_paid(many)


def killed(job: Callable[[], object], until: Callable[[], bool]) -> int:
    """Runs a job in processes that are killed, each a little later, until it got through; how many were killed."""
    kills = 0
    for patience in range(200):
        connections.close_all()
        child = os.fork()
        if not child:
            try:
                job()
            finally:
                os._exit(0)
        time.sleep(0.02 + 0.01 * patience)
        os.kill(child, signal.SIGKILL)
        kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if until():
            return kills
    raise AssertionError("never got through")


def test_killed_half_way_it_goes_on(many: list[int]) -> None:
    day = date(2027, 2, 28)
    kills = killed(
        lambda: runs.carry_out("funds", day), lambda: JobRun.objects.filter(job="funds", state="done").exists()
    )
    assert kills
    runs.carry_out("funds", day, by_hand=False)
    all_paid(many)


def test_a_failing_order_stops_no_other(many: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = FundOrder.objects.order_by("id")[7].id
    reward = periods.reward_order

    def sometimes(order: FundOrder) -> bool:
        if order.id == broken:
            raise RuntimeError("unforeseen")
        return reward(order)

    monkeypatch.setattr(periods, "reward_order", sometimes)
    day = date(2027, 2, 28)
    counts = run(day)
    assert (counts["rewarded"], counts["failed"]) == (19, 1)
    monkeypatch.setattr(periods, "reward_order", reward)
    run(day, by_hand=True)
    all_paid(many)


purchases = st.lists(
    st.tuples(
        st.integers(1, 50),
        st.decimals("-0.9", "1", places=4),
        st.integers(0, 40),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(purchases, st.decimals("0", "3000", places=6))
def test_any_orders_any_reserve(db: None, orders: list[tuple[int, Decimal, int, bool]], more: Decimal) -> None:
    """The books stay clean; every order is paid exactly its formula's reward, waits, or is not due."""
    fund_reserve(str(more + Decimal("0.000001")))
    made = []
    for volume, profit, day, redeem in orders:
        product = new_product(price="33.333333", early_fee="1", periods={1: str(profit)})
        client = new_client()
        made.append((client, bought(client, product, volume, started=JAN31 + timedelta(days=day)), redeem))
    end = date(2027, 3, 5)
    for day in (date(2027, 3, 1), end):
        run(day, by_hand=True)
        services.pay_waiting()
    for client, order, redeem in made:
        order.refresh_from_db()
        reward = rules.reward(order.amount, order.profit)
        if order.rewarded_at is None:
            assert money(client) == (0, order.amount)
            assert (order.waiting_since is not None) == (order.matures_at <= runs.day_end(end))
            assert order.waiting_since is None or reward > reserve()
            continue
        assert order.matures_at <= runs.day_end(end)
        assert money(client) == (max(reward, 0), order.amount + min(reward, 0))
        if redeem:
            services.request_redemption(client_id=client, order_id=order.id)
            assert money(client) == (order.amount + reward, 0)
    clean()
