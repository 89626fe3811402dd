"""Sessions and the daily settlement: exact, once, however often it is run and wherever it dies."""

import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from common import sql
from common.errors import Refused
from funds import services as funds
from funds.tests.shop import bought, clean, fund_reserve, money, new_client, new_product
from funds.tests.test_periods import killed
from ledger import queries as ledger
from ledger.accounts import PlatformAccount
from ledger.models import Transfer
from market_making.models import Pledge
from market_making.services import PledgePayments
from mining import queries, rules, services, settlement
from mining.models import Miner, PowerReward, PowerRun
from operations import halts, runs
from operations.models import JobRun
from payments.handlers import ConfirmedPayment
from payments.tests.test_scanner import at_once

DAY = date(2026, 3, 31)


def pledge(client: int, amount: str, hours: int = 0) -> Pledge:
    """A pledge that joined so many hours ago."""
    no = f"ZSZY{Pledge.objects.count():015d}"
    PledgePayments().on_confirmed(ConfirmedPayment(client, no, Decimal(amount), f"test:{no}"))
    found = Pledge.objects.get(no=no)
    found.joined_at = sql.database_time() - timedelta(hours=hours)
    found.save()
    return found


def incentives(amount: str) -> None:
    fund_reserve(amount, PlatformAccount.INCENTIVE_POOL)


def pool() -> Decimal:
    return ledger.balance(PlatformAccount.INCENTIVE_POOL)


def miner(amount: str) -> int:
    client = new_client()
    pledge(client, amount)
    services.start_mining(client_id=client)
    return client


@pytest.mark.django_db
def test_power_is_what_was_held_long_enough(settings: Any) -> None:
    settings.POWER_HOURS, settings.POWER_FUND_WEIGHT = 24, Decimal("1.5")
    client = new_client()
    pledge(client, "100", hours=23)
    pledge(client, "1000", hours=24)
    assert queries.power(client) == 1000
    now = sql.database_time()
    product = new_product()
    bought(client, product, 10, started=now - timedelta(hours=25))
    fresh = bought(client, product, 20, started=now - timedelta(hours=23, minutes=59))
    assert queries.power(client) == 1000 + Decimal("1515")
    settings.POWER_HOURS = 0
    assert queries.power(client) == 1100 + Decimal("4545")
    # Asking for a redemption takes nothing away; carrying it out does.
    funds.request_redemption(client_id=client, order_id=fresh.id)
    funds.redeem_asked()
    assert queries.power(client) == 1100 + Decimal("1515")
    assert queries.power(new_client()) == 0


@pytest.mark.django_db
def test_a_loss_is_no_power() -> None:
    client = new_client()
    ended = sql.database_time() - timedelta(days=40)
    bought(client, new_product(early_fee=None, periods={1: "-0.1"}), started=ended)
    assert queries.power(client) == 1010
    runs.carry_out("funds", runs.today())
    assert queries.power(client) == 909


@pytest.mark.django_db
def test_a_session(settings: Any) -> None:
    client = new_client()
    with pytest.raises(Refused) as refusal:
        services.start_mining(client_id=client)
    assert (refusal.value.reason, Miner.objects.count(), queries.is_open(client)) == ("no_power", 0, False)
    pledge(client, "10")
    first = services.start_mining(client_id=client)
    assert first.open_until is not None
    assert first.open_until - first.opened_at == timedelta(hours=24)
    again = services.start_mining(client_id=client)
    assert again.open_until is not None
    assert (again.opened_at, again.open_until > first.open_until) == (first.opened_at, True)
    assert queries.is_open(client)
    for _ in range(2):
        services.stop_mining(client_id=client)
        assert not queries.is_open(client)
    assert services.start_mining(client_id=client).opened_at > first.opened_at
    Miner.objects.update(open_until=sql.database_time())
    assert not queries.is_open(client)
    settings.POWER_SESSION_HOURS = 0
    assert services.start_mining(client_id=client).open_until is None
    assert queries.is_open(client)
    halts.start(kind="all", index_id=None, reason="test", operator="test")
    with pytest.raises(Refused) as refusal:
        services.start_mining(client_id=client)
    assert refusal.value.reason == "halted"


@pytest.mark.django_db
def test_a_fund_is_enough_to_start() -> None:
    client = new_client()
    bought(client, new_product())
    services.start_mining(client_id=client)
    assert queries.is_open(client)


@pytest.mark.django_db
def test_a_day_is_shared_by_power() -> None:
    incentives("1000.000009")
    whole, third, closed, expired = miner("1000"), miner("500"), miner("900"), miner("800")
    idle = new_client()
    pledge(idle, "5000")
    services.stop_mining(client_id=closed)
    Miner.objects.filter(client_id=expired).update(open_until=sql.database_time())
    assert queries.power_pool() == 100
    outcome = runs.carry_out("power", DAY)
    assert (outcome.did, outcome.run.state) == (True, "done")
    assert outcome.run.counts == {"pot": "100.000000", "power": "1500.000000", "miners": 2, "paid": 2}
    assert [money(c)[0] for c in (whole, third, closed, expired, idle)] == [
        Decimal("66.666666"),
        Decimal("33.333333"),
        0,
        0,
        0,
    ]
    assert pool() == Decimal("1000.000009") - Decimal("99.999999")
    assert (queries.income(whole), queries.rewards(third).get().amount) == (Decimal("66.666666"), Decimal("33.333333"))
    for by_hand in (False, True):
        assert not runs.carry_out("power", DAY, by_hand=by_hand).did
    assert (Transfer.objects.filter(kind="power_reward").count(), money(whole)[0]) == (2, Decimal("66.666666"))
    # The next day shares what is left.
    assert queries.power_pool() == Decimal("90.000001")
    runs.carry_out("power", DAY + timedelta(days=1))
    assert money(third)[0] == Decimal("33.333333") + Decimal("30.000000")
    clean()


@pytest.mark.django_db
def test_nobody_mines_and_nothing_is_there() -> None:
    runs.carry_out("power", DAY)
    incentives("100")
    runs.carry_out("power", DAY + timedelta(days=1))
    assert pool() == 100
    client = miner("10")
    runs.carry_out("power", DAY + timedelta(days=2))
    assert (money(client)[0], pool()) == (10, 90)
    clean()


@pytest.mark.django_db
@pytest.mark.parametrize("day", ["2028-02-29", "2027-01-31", "2026-12-31"])
def test_any_day_of_the_calendar(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    incentives("100")
    client = miner("10")
    for _ in range(2):
        call_command("settle", "power", "--date", day)
    assert (money(client)[0], PowerRun.objects.get().day.isoformat()) == (10, day)
    assert "done already" in capsys.readouterr().out.splitlines()[1]
    clean()


@pytest.mark.django_db
def test_what_changes_after_the_first_step_changes_nothing() -> None:
    incentives("1000")
    first, second = miner("300"), miner("100")
    run = JobRun.objects.create(job="power", day=DAY)
    assert settlement.settle(run) is False
    incentives("5000")
    services.stop_mining(client_id=first)
    pledge(second, "10000")
    miner("70")
    assert settlement.settle(run) is True
    assert (money(first)[0], money(second)[0]) == (75, 25)
    assert settlement.settle(run) is True
    assert (money(first)[0], money(second)[0], run.counts["paid"]) == (75, 25, 2)
    clean()


@pytest.mark.django_db
def test_a_part_below_a_millionth_is_none() -> None:
    incentives("0.0001")
    small, large = miner("10"), miner("1000000")
    runs.carry_out("power", DAY)
    assert (money(small)[0], money(large)[0]) == (0, Decimal("0.000009"))
    assert not queries.rewards(small).exists()
    clean()


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch, committed: None) -> list[int]:
    """Twenty miners in batches of three."""
    monkeypatch.setattr(settlement, "BATCH", 3)
    incentives("10000")
    return [miner(str(amount)) for amount in range(10, 210, 10)]


def all_paid(clients: list[int]) -> None:
    total = Decimal(sum(range(10, 210, 10)))
    expected = [rules.share(Decimal(1000), Decimal(amount), total) for amount in range(10, 210, 10)]
    assert [money(client)[0] for client in clients] == expected
    assert pool() == 10000 - sum(expected)
    assert Transfer.objects.filter(kind="power_reward").count() == 20
    clean()


def test_twice_at_once(many: list[int]) -> None:
    at_once(*[lambda: runs.carry_out("power", DAY)] * 4)
    while runs.carry_out("power", DAY).busy:
        time.sleep(0.05)
    all_paid(many)


def test_batches_paid_at_once_pay_once(many: list[int]) -> None:
    """Even without the lock of the runs."""
    run = JobRun.objects.create(job="power", day=DAY)
    settlement.settle(run)
    fixed = PowerRun.objects.get()

    def pay_all() -> None:
        for _ in range(8):
            with transaction.atomic():
                settlement._pay(fixed)

    at_once(*[pay_all] * 4)
    all_paid(many)


def test_killed_half_way_it_goes_on(many: list[int]) -> None:
    kills = killed(
        lambda: runs.carry_out("power", DAY), lambda: JobRun.objects.filter(job="power", state="done").exists()
    )
    assert kills
    runs.carry_out("power", DAY)
    all_paid(many)


def test_the_next_day_waits_for_the_last_batch(many: list[int]) -> None:
    run = JobRun.objects.create(job="power", day=DAY, state="running", begun_at=sql.database_time())
    settlement.settle(run)
    run.save()
    runs.carry_out("power", DAY + timedelta(days=1))
    assert JobRun.objects.get(job="power", day=DAY).state == "done"
    first, second = PowerRun.objects.order_by("day")
    assert second.incentive_pool == first.incentive_pool - sum(
        PowerReward.objects.filter(run=first).values_list("amount", flat=True)
    )
    clean()


@run_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(
    st.lists(st.tuples(st.decimals("10", "100000", places=6), st.integers(0, 3)), min_size=1, max_size=6),
    st.decimals("0.000001", "100000", places=6),
    st.integers(0, 100),
    st.decimals("0", "3", places=6),
    st.decimals("0", "3", places=6),
)
def test_the_database_computes_what_the_formulas_say(
    db: None,
    settings: Any,
    holdings: list[tuple[Decimal, int]],
    amount: Decimal,
    rate: int,
    pledge_weight: Decimal,
    fund_weight: Decimal,
) -> None:
    settings.POWER_RATE = rate
    settings.POWER_PLEDGE_WEIGHT, settings.POWER_FUND_WEIGHT = pledge_weight, fund_weight
    Miner.objects.update(stopped_at=sql.database_time())
    incentives(str(amount))
    powers = {}
    product = new_product(price="33.333333")
    for pledged, volume in holdings:
        client = miner(str(pledged))
        held = Decimal(0)
        if volume:
            held = bought(client, product, volume).amount
        powers[client] = rules.power(pledged, held, pledge_weight, fund_weight)
        assert queries.power(client) == powers[client]
    pot, total = rules.pot(pool(), rate), sum(powers.values(), Decimal(0))
    day = DAY + timedelta(days=PowerRun.objects.count())
    runs.carry_out("power", day)
    for client, power in powers.items():
        assert money(client)[0] == rules.share(pot, power, total)
    found = PowerRun.objects.get(day=day)
    assert (found.pot, found.total_power) == (pot, total)
    clean()
