"""Redeeming: early, late, while the reserve is short, and many times at once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import sql
from common.errors import Invalid, Refused
from common.times import add_months
from funds import services
from funds.models import FundOrder
from funds.tests.shop import bought, clean, fund_reserve, money, new_client, new_product, prepare, reserve
from ledger.models import Transfer
from operations import halts, runs
from payments.tests.test_scanner import at_once


def redeem(client: int, order: FundOrder) -> FundOrder:
    return services.request_redemption(client_id=client, order_id=order.id)


def refused(client: int, order: FundOrder) -> str:
    before = (money(client), reserve())
    with pytest.raises((Refused, Invalid)) as found:
        redeem(client, order)
    assert (money(client), reserve()) == before
    return found.value.reason


def age(order: FundOrder, **delta: Any) -> None:
    """Moves an order's period into the past."""
    order.started_at = order.started_at - timedelta(**delta)
    order.matures_at = add_months(order.started_at, order.months)
    order.save(update_fields=["started_at", "matures_at"])


@pytest.mark.django_db
def test_early_with_its_fee() -> None:
    client = new_client()
    order = bought(client, new_product())
    redeem(client, order)
    # The request alone moves nothing: the reserve is not its client's.
    assert (money(client), reserve()) == ((0, 1010), 0)
    redeem(client, order)
    assert services.redeem_asked() == 1
    assert (money(client), reserve()) == ((Decimal("959.5"), 0), Decimal("50.5"))
    order.refresh_from_db()
    assert (order.redeemed_amount, order.fee) == (Decimal("959.5"), Decimal("50.5"))
    assert services.redeem_asked() == 0
    assert refused(client, order) == "already_redeemed"
    # No reward for it, ever.
    runs.carry_out("funds", add_months(sql.database_time(), 4).date())
    assert money(client) == (Decimal("959.5"), 0)
    clean()


@pytest.mark.django_db
def test_early_stays_early_however_late_the_job_runs() -> None:
    fund_reserve("1000")
    client = new_client()
    order = bought(client, new_product())
    redeem(client, order)
    order.refresh_from_db()
    order.redemption_asked_at -= timedelta(days=100)
    order.save()
    age(order, days=150)
    runs.carry_out("funds", runs.today())
    assert money(client) == (0, 1010)
    assert services.redeem_asked() == 1
    assert money(client) == (Decimal("959.5"), 0)
    clean()


@pytest.mark.django_db
def test_early_where_the_fund_does_not_allow_it() -> None:
    client = new_client()
    order = bought(client, new_product(early_fee=None))
    assert refused(client, order) == "not_matured"
    age(order, days=100)
    redeem(client, order)
    assert services.redeem_asked() == 0
    fund_reserve("202")
    assert services.redeem_asked() == 1
    assert money(client) == (1212, 0)
    clean()


@pytest.mark.django_db
def test_matured_gets_its_reward_first() -> None:
    fund_reserve("500")
    client = new_client()
    order = bought(client, new_product())
    age(order, days=100)
    redeem(client, order)
    assert money(client) == (0, 1010)
    assert services.redeem_asked() == 1
    assert (money(client), reserve()) == ((1212, 0), 298)
    clean()


@pytest.mark.django_db
def test_matured_waits_with_its_reward_for_the_reserve() -> None:
    client = new_client()
    order = bought(client, new_product())
    age(order, days=100)
    redeem(client, order)
    assert services.redeem_asked() == 0
    order.refresh_from_db()
    assert order.waiting_since is not None
    fund_reserve("202")
    # Whoever comes first, the waiting reward or the redemption: both are carried out.
    assert services.pay_waiting() == 1
    assert services.redeem_asked() == 1
    assert (money(client), reserve()) == ((1212, 0), 0)
    clean()


@pytest.mark.django_db
def test_a_matured_loss() -> None:
    client = new_client()
    order = bought(client, new_product(early_fee="0.5", periods={1: "-0.1"}))
    age(order, days=40)
    redeem(client, order)
    assert services.redeem_asked() == 1
    assert (money(client), reserve()) == ((909, 0), 101)
    clean()


@pytest.mark.django_db
def test_what_is_refused() -> None:
    owner, stranger = new_client(), new_client()
    product = new_product()
    order, unpaid = bought(owner, product), prepare(owner, product)
    assert refused(stranger, order) == "not_found"
    assert refused(owner, unpaid) == "order_not_confirmed"
    halts.start(kind="deposit", index_id=None, reason="test", operator="test")
    redeem(owner, bought_before := order)
    assert bought_before == order
    halts.start(kind="all", index_id=None, reason="test", operator="test")
    assert refused(owner, order) == "halted"


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("ended", [False, True])
def test_at_once_it_is_redeemed_once(ended: bool) -> None:
    fund_reserve("500")
    client = new_client()
    order = bought(client, new_product())
    if ended:
        age(order, days=100)
        runs.carry_out("funds", runs.today())

    def ask() -> str:
        try:
            redeem(client, order)
        except Refused as refusal:
            return refusal.reason
        return ""

    asked = at_once(*[ask] * 6, *[services.redeem_asked] * 3)
    at_once(*[services.redeem_asked] * 3)
    assert set(asked[:6]) <= {"", "already_redeemed"}
    assert money(client) == ((1212, 0) if ended else (Decimal("959.5"), 0))
    assert Transfer.objects.filter(kind="fund_return").count() == 1
    clean()


@pytest.mark.usefixtures("committed")
def test_the_end_and_a_redemption_at_once() -> None:
    fund_reserve("20000")
    product = new_product(volume=1000)
    clients = [new_client() for _ in range(8)]
    orders = [bought(client, product) for client in clients]
    for client, order in zip(clients, orders, strict=True):
        age(order, days=100)
        redeem(client, order)
    at_once(lambda: runs.carry_out("funds", runs.today()), *[services.redeem_asked] * 3, services.pay_waiting)
    services.redeem_asked()
    assert [money(client) for client in clients] == [(1212, 0)] * 8
    assert reserve() == 20000 - 8 * 202
    clean()
