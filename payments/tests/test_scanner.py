"""Reading the chain: after stops, through replaced blocks, with the node gone."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections

from chain import development
from chain import node as chain_node
from chain.node import Node
from common import reconciliation
from common.errors import Refused
from payments import queries, services
from payments.models import ChainTransfer, PaymentOrder, ScanCursor
from payments.services import scanner
from payments.tests.conftest import Payer, assert_books_agree, confirm, custody, status, sweep, transfers


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Runs calls in threads of their own, each with its own connection."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.mark.django_db
def test_reads_in_batches(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "BLOCKS_AT_ONCE", 2)
    for _ in range(5):
        payer.pay("1")
    development.mine(7)
    assert sweep() == 5
    cursor = ScanCursor.objects.get()
    assert (cursor.block_number, cursor.block_hash) == (cursor.trail[-1][0], cursor.trail[-1][1])
    assert services.scan() == 0
    assert payer.balance == 5


@pytest.mark.django_db
def test_a_replaced_block_undoes_what_was_not_deep(chain: Node, payer: Payer) -> None:
    order = payer.order("10")
    sweep()
    snapshot = chain.call("evm_snapshot")
    payer.claim(order, payer.pay("10"))
    sweep()
    assert transfers() == ["seen"]
    assert chain.call("evm_revert", snapshot)
    development.mine(5)
    assert sweep() == 0
    assert (transfers(), status(order), payer.balance) == (["orphaned"], (1, ""), 0)
    assert_books_agree()
    # The wallet sends it again, in another block.
    payer.claim(order, payer.pay("10"))
    assert confirm() == 1
    assert (status(order), payer.balance) == ((2, ""), 10)
    assert_books_agree()


@pytest.mark.django_db
def test_the_same_transaction_in_another_block(chain: Node, payer: Payer) -> None:
    order = payer.order("10")
    sweep()
    tx_hash = payer.pay("10")
    sweep()
    before = ChainTransfer.objects.get()
    raw = chain.call("eth_getRawTransactionByHash", tx_hash)
    chain.call("anvil_reorg", 1, [])
    sweep()
    if chain.transaction_block(tx_hash) is None:
        chain.call("eth_sendRawTransaction", raw)
    assert confirm() == 1
    after = ChainTransfer.objects.get()
    assert after.tx_hash == before.tx_hash
    assert after.block_hash != before.block_hash
    assert (status(order), payer.balance) == ((2, ""), 10)
    assert_books_agree()


@pytest.mark.django_db
def test_a_deep_block_that_is_replaced_raises_an_alarm(chain: Node, payer: Payer) -> None:
    sweep()
    snapshot = chain.call("evm_snapshot")
    tx_hash = payer.pay("10")
    raw = chain.call("eth_getRawTransactionByHash", tx_hash)
    paid_in = chain.call("eth_getBlockByNumber", "latest", False)
    confirm()
    assert (transfers(), payer.balance) == (["booked"], 10)
    assert chain.call("evm_revert", snapshot)
    development.mine(6)
    confirm()
    assert (transfers(), payer.balance) == (["reorganised"], 10)
    assert [found.check for found in queries.differences()] == ["payments"]
    assert [found.what for found in queries.holdings_differences()] == [
        "booked 10.000000, held 0.000000: 10.000000 are missing"
    ]
    # It comes back, behind the dearer transfer of a stranger: what was booked stays booked, once.
    stranger = development.fresh_wallet(Decimal(5))
    chain.call("anvil_setNextBlockBaseFeePerGas", hex(int(paid_in["baseFeePerGas"], 16) * 3 // 2))
    development.mine(1)
    chain.call("evm_setAutomine", False)
    try:
        with ThreadPoolExecutor(1) as thread:
            other = thread.submit(development.send_transfer, stranger.key, payer.receiving, Decimal(5))
            while chain.call("txpool_status")["pending"] != "0x1":
                time.sleep(0.01)
            chain.call("eth_sendRawTransaction", raw)
            chain.call("evm_mine")
            other.result()
    finally:
        chain.call("evm_setAutomine", True)
    confirm()
    assert sorted(transfers()) == ["booked", "ignored", "unmatched"]
    assert (
        ChainTransfer.objects.get(status="booked").block_hash == ChainTransfer.objects.get(status="ignored").block_hash
    )
    assert (payer.balance, custody()) == (10, -15)
    assert_books_agree()


@pytest.mark.django_db
def test_a_chain_that_was_reset_to_a_lower_head(chain: Node, payer: Payer) -> None:
    snapshot = chain.call("evm_snapshot")
    development.mine(50)
    sweep()
    assert chain.call("evm_revert", snapshot)
    payer.pay("10")
    assert chain.head().number < ScanCursor.objects.get().block_number
    assert confirm() == 1
    assert payer.balance == 10
    assert ScanCursor.objects.get().block_hash == chain.head().hash
    # And to one that has no block in common.
    ScanCursor.objects.update(block_number=10**6, block_hash="0x" + "77" * 32, trail=[[10**6, "0x" + "77" * 32]])
    payer.pay("5")
    assert confirm() == 1
    assert payer.balance == 15
    assert_books_agree()


@pytest.mark.django_db
def test_the_node_is_gone_and_back(payer: Payer, settings: Any) -> None:
    order = payer.order("10")
    payer.claim(order, payer.pay("10"))
    address = settings.CHAIN_RPC_URL
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    assert sweep() == 0
    assert queries.chain_health()
    assert [found.warning for found in reconciliation.checks()["chain holdings"]()] == [True]
    assert (status(order), payer.balance) == ((1, ""), 0)
    settings.CHAIN_RPC_URL = address
    assert queries.chain_health() is None
    assert confirm() == 1
    assert status(order) == (2, "")
    assert_books_agree()


@pytest.mark.django_db
def test_a_surplus_is_a_warning(chain: Node, payer: Payer, settings: Any) -> None:
    payer.pay("10")
    assert [found.warning for found in queries.holdings_differences()] == [True]
    sweep()
    assert list(queries.holdings_differences()) == []
    confirm()
    assert list(queries.holdings_differences()) == []


@pytest.mark.usefixtures("committed")
def test_many_sweeps_at_once_book_once(new_payer: Callable[[], Payer]) -> None:
    payers = [new_payer() for _ in range(3)]
    orders = [payer.order(str(amount)) for payer in payers for amount in (10, 20, 30)]
    for payer in payers:
        for amount in (10, 20, 30, 30):
            payer.pay(str(amount))
    development.mine(2)
    at_once(*[services.scan] * 4)
    services.scan()
    assert transfers() == ["seen"] * 12
    booked = at_once(*[services.settle] * 4)
    assert sum(booked) == 12
    assert [payer.balance for payer in payers] == [90, 90, 90]
    assert {status(order) for order in orders} == {(2, "")}
    assert_books_agree()


@pytest.mark.usefixtures("committed")
def test_claims_while_payments_are_booked(payer: Payer) -> None:
    for amount in range(1, 9):
        order = payer.order(str(amount))
        tx_hash = payer.pay(str(amount))
        development.mine(2)
        services.scan()

        def submit(order: PaymentOrder = order, tx_hash: str = tx_hash) -> None:
            payer.claim(order, tx_hash)

        at_once(services.settle, submit, services.settle, submit, services.expire)
        assert status(order) == (2, "")
    assert payer.balance == 36
    with pytest.raises(Refused):
        payer.claim(order, "0x" + "12" * 32)
    assert_books_agree()


@pytest.mark.usefixtures("committed")
def test_a_scan_that_is_killed_goes_on(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "BLOCKS_AT_ONCE", 1)
    for _ in range(20):
        payer.pay("1")
    development.mine(2)
    kills = 0
    for patience in range(1, 200):
        connections.close_all()
        child = os.fork()
        if not child:
            # No connection of the parent's may be used here.
            chain_node._node.cache_clear()
            try:
                sweep()
            finally:
                os._exit(0)
        time.sleep(0.01 + 0.002 * patience)
        os.kill(child, signal.SIGKILL)
        kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if transfers() == ["booked"] * 20:
            break
    assert kills
    sweep()
    assert transfers() == ["booked"] * 20
    assert payer.balance == 20
    assert_books_agree()
