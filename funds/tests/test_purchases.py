"""Buying over the real chain: volume goes to who paid first, never beyond the total, and no payment is lost."""

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from backoffice.reconcile import reconcile
from chain import development
from chain.node import Node
from common import sql
from common.errors import Invalid, Refused
from common.times import add_months
from funds import services
from funds.models import FundOrder, Period, Product
from funds.tests.shop import money, new_client, new_product, prepare
from operations import halts
from payments import services as payments
from payments.models import ChainTransfer
from payments.tests.conftest import Payer, confirm, sweep
from payments.tests.test_scanner import at_once


def reconciled() -> None:
    assert not [d for d in reconcile() if not d.warning]


def state(order: FundOrder) -> tuple[int, str, bool]:
    order = FundOrder.objects.select_related("payment").get(id=order.id)
    return order.payment.status, order.payment.reason, order.taken


def pay(payer: Payer, order: FundOrder) -> str:
    tx_hash = payer.pay(str(order.amount))
    payer.claim(order.payment, tx_hash)
    return tx_hash


def remain(product: Product) -> int:
    product.refresh_from_db()
    return product.remain_volume


@pytest.mark.django_db
def test_bought_from_order_to_principal(payer: Payer) -> None:
    product = new_product(price="10")
    order = prepare(payer.client.id, product, volume=3)
    assert (order.amount, order.months, order.payment.no[:4]) == (30, 3, "JZGM")
    assert remain(product) == 100
    pay(payer, order)
    assert remain(product) == 100
    sweep()
    assert (state(order), remain(product), money(payer.client.id)) == ((1, "", True), 97, (0, 0))
    before = sql.database_time()
    confirm()
    assert (state(order), remain(product), money(payer.client.id)) == ((2, "", True), 97, (0, 30))
    order.refresh_from_db()
    assert before <= order.started_at <= sql.database_time()
    assert order.matures_at == add_months(order.started_at, 3)
    assert ChainTransfer.objects.get().booked_as == "fund"


@pytest.mark.django_db
def test_terms_are_those_of_the_pre_order(payer: Payer) -> None:
    product = new_product(price="10")
    order = prepare(payer.client.id, product, 2, months=6)
    Product.objects.update(unit_price=20, early_fee_rate=None, on_sale_to=sql.database_time())
    Period.objects.all().delete()
    pay(payer, order)
    confirm()
    order.refresh_from_db()
    assert state(order) == (2, "", True)
    assert (order.amount, order.profit, order.early_fee_rate) == (20, Decimal("0.3"), Decimal("0.05"))


@pytest.mark.django_db
def test_a_payment_nobody_submitted_buys_too(payer: Payer) -> None:
    order = prepare(payer.client.id, new_product(price="10"))
    payer.pay("100")
    sweep()
    assert state(order) == (0, "", True)
    confirm()
    assert state(order) == (2, "", True)


@pytest.mark.django_db
def test_sold_out_between_order_and_payment(new_payer: Callable[[], Payer]) -> None:
    product = new_product(price="10", volume=5)
    first, second = new_payer(), new_payer()
    early, late = prepare(first.client.id, product, 3), prepare(second.client.id, product, 3)
    # The one that was prepared later pays first.
    pay(second, late)
    pay(first, early)
    sweep()
    assert (state(early), state(late)) == ((3, "sold_out", False), (1, "", True))
    confirm()
    assert (state(early), state(late)) == ((3, "sold_out", False), (2, "", True))
    assert (money(first.client.id), money(second.client.id), remain(product)) == ((30, 0), (0, 30), 2)


@pytest.mark.django_db
def test_a_replaced_block_gives_the_volume_back(chain: Node, payer: Payer, new_payer: Callable[[], Payer]) -> None:
    product = new_product(price="10", volume=3)
    order = prepare(payer.client.id, product, 3)
    other = new_payer()
    sweep()
    snapshot = chain.call("evm_snapshot")
    pay(payer, order)
    sweep()
    assert remain(product) == 0
    assert chain.call("evm_revert", snapshot)
    development.mine(5)
    sweep()
    assert (state(order), remain(product)) == ((1, "", False), 3)
    # Free again, and taken by who pays now.
    bought = prepare(other.client.id, product, 2)
    pay(other, bought)
    sweep()
    assert (state(bought), remain(product)) == ((1, "", True), 1)
    # The first pays again: too late.
    pay(payer, order)
    confirm()
    assert (state(order), state(bought)) == ((3, "sold_out", False), (2, "", True))
    assert (money(payer.client.id), money(other.client.id)) == ((30, 0), (0, 20))


@pytest.mark.django_db
def test_an_unpaid_order_takes_nothing_and_expires(payer: Payer) -> None:
    product = new_product(price="10", volume=3)
    order = prepare(payer.client.id, product, 3)
    sweep()
    order.payment.expires_at -= timedelta(minutes=31)
    order.payment.created_at -= timedelta(minutes=31)
    order.payment.save()
    confirm()
    payments.expire()
    assert (state(order), remain(product)) == ((3, "expired", False), 3)
    # Paid late: to the index account.
    payer.pay("30")
    confirm()
    assert (state(order), money(payer.client.id), remain(product)) == ((3, "expired", False), (30, 0), 3)


@pytest.mark.django_db
@pytest.mark.parametrize("amount", ["29", "31"])
def test_another_amount_buys_nothing(payer: Payer, amount: str) -> None:
    product = new_product(price="10")
    order = prepare(payer.client.id, product, 3)
    payer.claim(order.payment, payer.pay(amount))
    confirm()
    assert (state(order), remain(product)) == ((3, "wrong_amount", False), 100)
    assert money(payer.client.id) == (Decimal(amount), 0)


@pytest.mark.usefixtures("committed")
def test_two_payments_at_once_oversell_nothing(chain: Node, new_payer: Callable[[], Payer]) -> None:
    """In one block, noticed by four sweeps at once: one is sold, the others' money is on their index accounts."""
    product = new_product(price="10", volume=5)
    payers = [new_payer() for _ in range(4)]
    orders = [prepare(payer.client.id, product, 3) for payer in payers]
    chain.call("evm_setAutomine", False)
    try:
        # `send_transfer` waits for its block, which the last of the calls mines.
        hashes = at_once(*[lambda payer=payer: payer.pay("30") for payer in payers], lambda: mine_all(chain, 4))[:4]
    finally:
        chain.call("evm_setAutomine", True)
    for payer, order, tx_hash in zip(payers, orders, hashes, strict=True):
        payer.claim(order.payment, tx_hash)
    assert len({chain.transaction_block(tx_hash) for tx_hash in hashes}) == 1
    at_once(*[sweep] * 4)
    sweep()
    development.mine(2)
    at_once(*[sweep] * 4)
    sweep()
    results = [state(order) for order in orders]
    assert sorted(results) == [(2, "", True)] + [(3, "sold_out", False)] * 3
    # The first in the block has it.
    winner = ChainTransfer.objects.order_by("log_index").first()
    assert winner.client_id == payers[results.index((2, "", True))].client.id
    for payer, result in zip(payers, results, strict=True):
        assert money(payer.client.id) == ((0, 30) if result[0] == 2 else (30, 0))
    assert remain(product) == 2
    reconciled()


def mine_all(chain: Node, waiting: int) -> None:
    while int(chain.call("txpool_status")["pending"], 16) < waiting:
        time.sleep(0.02)
    chain.call("evm_mine")


@pytest.mark.usefixtures("committed")
def test_volume_is_never_below_zero_whoever_writes(chain: Node) -> None:
    product = new_product(volume=5)
    for taken in (6, -1):
        with pytest.raises(IntegrityError), transaction.atomic():
            Product.objects.filter(id=product.id).update(taken_volume=taken)
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(id=product.id).update(total_volume=0)


@pytest.mark.usefixtures("committed")
def test_an_early_fee_below_a_loss_is_refused_by_the_database() -> None:
    product = new_product(early_fee="0.1", periods={3: "-0.1"})
    with pytest.raises(IntegrityError):
        Product.objects.filter(id=product.id).update(early_fee_rate=Decimal("0.0999"))
    with pytest.raises(IntegrityError):
        Period.objects.create(product=product, months=6, profit=Decimal("-0.2"))
    for profit in ("-1", "-1.5"):
        with pytest.raises(IntegrityError):
            Period.objects.create(product=product, months=6, profit=Decimal(profit))
    Product.objects.filter(id=product.id).update(early_fee_rate=None)
    Period.objects.create(product=product, months=6, profit=Decimal("-0.2"))


@pytest.mark.django_db
def test_what_a_pre_order_refuses() -> None:
    client, product = new_client(), new_product(volume=5)

    def refused(error: type[Exception], **fields: int | None) -> str:
        usual = {"client_id": client, "product_id": product.id, "months": None, "volume": 1}
        with pytest.raises(error) as found:
            services.place_purchase(**{**usual, **fields})
        return found.value.reason

    assert refused(Refused, volume=6) == "sold_out"
    assert refused(Invalid, months=4) == "invalid"
    assert refused(Invalid, product_id=product.id + 1) == "not_found"
    now = sql.database_time()
    for window in ({"on_sale_from": now + timedelta(hours=1)}, {"on_sale_to": now - timedelta(hours=1)}):
        other = new_product()
        usual = {"on_sale_from": now - timedelta(days=1), "on_sale_to": None}
        Product.objects.filter(id=other.id).update(**{**usual, **window})
        assert refused(Invalid, product_id=other.id) == "not_found"
    bare = new_product()
    Period.objects.filter(product=bare).delete()
    assert refused(Invalid, product_id=bare.id) == "not_found"
    for kind in ("deposit", "all"):
        halt = halts.start(kind=kind, index_id=None, reason="test", operator="test")
        assert refused(Refused) == "halted"
        halts.lift(halt_id=halt.id, operator="test")
    assert not FundOrder.objects.exists()
