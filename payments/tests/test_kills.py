"""Workers that are killed with -9 at every step of a payout, and several at once: each withdrawal is paid once."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import connection

from accounts.services import open_client
from chain import development
from chain.node import Node, TransferLog
from ledger import accounts
from ledger.queries import balance
from payments import services
from payments.models import Payout, PayoutWallet, Withdrawal
from payments.tests.conftest import Payer, assert_books_agree, confirm

ROOT = Path(__file__).resolve().parents[2]
WITHDRAWALS = "payments.services.withdrawals"

# Every step of a payout's life; what follows in the same function is the next one's "before".
STEPS = [
    (f"{WITHDRAWALS}.approval:_approved", "before"),
    (f"{WITHDRAWALS}.approval:_approved", "after"),
    ("payments.services:approve_automatically", "after"),
    (f"{WITHDRAWALS}.paying:look", "after"),
    (f"{WITHDRAWALS}.paying:lock_wallet", "after"),
    ("chain.hotwallet:sign_transfer", "before"),
    ("chain.hotwallet:sign_transfer", "after"),
    (f"{WITHDRAWALS}.paying:store", "after"),  # stored, not committed
    (f"{WITHDRAWALS}.paying:sign_next", "after"),  # committed, not sent
    ("chain.node:Node.broadcast", "before"),
    ("chain.node:Node.broadcast", "after"),  # sent, and not noted
    (f"{WITHDRAWALS}.paying:broadcast", "after"),
]
# Steps of the sweep that finds it mined and deep.
LATER_STEPS = [
    (f"{WITHDRAWALS}.tracking:_end", "before"),
    (f"{WITHDRAWALS}.ending:locked", "after"),
    (f"{WITHDRAWALS}.ending:confirm", "before"),
    ("ledger.services:post", "after"),
    (f"{WITHDRAWALS}.ending:_end", "after"),
    (f"{WITHDRAWALS}.tracking:_end", "after"),
]


def start(settings: Any, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """A process of its own that does what the job does."""
    env = {
        **os.environ,
        "SOKE_TEST_DATABASE": project_settings.DATABASES["default"]["NAME"],
        "CHAIN_RECEIVING_ADDRESS": settings.CHAIN_RECEIVING_ADDRESS,
        "CHAIN_HOT_WALLET_ADDRESS": settings.CHAIN_HOT_WALLET_ADDRESS,
        "DJANGO_SETTINGS_MODULE": "soke_project.settings",
        **environment,
    }
    return subprocess.Popen([sys.executable, "-m", "payments.tests.killed", *words], cwd=ROOT, env=env)


def died(settings: Any, step: tuple[str, str]) -> bool:
    """Runs the job in a process that dies at `step`; whether it did."""
    code = start(settings, *step).wait(60)
    assert code in (0, -9)
    return code == -9


def paid(chain: Node, settings: Any, address: str) -> list[TransferLog]:
    """Every transfer of the token from the hot wallet to an address."""
    head = chain.head().number
    found = chain.transfers(settings.CHAIN_TOKEN_ADDRESS, address, settings.CHAIN_START_BLOCK, head)
    return [log for log in found if log.sender == settings.CHAIN_HOT_WALLET_ADDRESS]


def finish() -> None:
    """What the next workers do."""
    for _round in range(3):
        services.approve_automatically()
        services.track()
        services.pay()
        development.mine(2)
    services.track()


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[1]}-{step[0].rsplit(':', 1)[1]}")
def test_killed_at_every_step_of_paying(chain: Node, payer: Payer, settings: Any, step: tuple[str, str]) -> None:
    payer.pay("100")
    confirm()
    withdrawal = services.request_withdrawal(client_id=payer.client.id, amount=Decimal(50))
    assert died(settings, step)
    finish()
    check_paid_once(chain, payer, settings, withdrawal)


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("step", LATER_STEPS, ids=lambda step: f"{step[1]}-{step[0].rsplit(':', 1)[1]}")
def test_killed_at_every_step_of_confirming(chain: Node, payer: Payer, settings: Any, step: tuple[str, str]) -> None:
    payer.pay("100")
    confirm()
    withdrawal = services.request_withdrawal(client_id=payer.client.id, amount=Decimal(50))
    services.approve_automatically()
    services.pay()
    development.mine(2)
    assert died(settings, step)
    finish()
    check_paid_once(chain, payer, settings, withdrawal)


def check_paid_once(chain: Node, payer: Payer, settings: Any, withdrawal: Withdrawal) -> None:
    withdrawal.refresh_from_db()
    assert withdrawal.status == "confirmed"
    logs = paid(chain, settings, payer.wallet.address)
    assert [(log.amount, log.tx_hash) for log in logs] == [(49, withdrawal.tx_hash)]
    assert (payer.balance, balance(accounts.withdrawal_hold(payer.client.id))) == (50, 0)
    assert list(Payout.objects.values_list("nonce", flat=True)) == [0]
    assert chain.transactions_of(settings.CHAIN_HOT_WALLET_ADDRESS) == PayoutWallet.objects.get().next_nonce == 1
    assert_books_agree()


@pytest.mark.usefixtures("committed")
def test_four_workers_pay_200_withdrawals(chain: Node, payer: Payer, settings: Any) -> None:
    """One of them is killed on its way and another takes its place."""
    payer.pay("1000")
    development.send_transfer(development.wallet(0).key, payer.wallet.address, Decimal(5000))
    payer.pay("5000")
    confirm()
    clients = [open_client(address=development.fresh_wallet().address) for _ in range(40)]
    with connection.cursor() as cursor:
        # The payer's money, shared among clients as two operators might: 120 USDT each.
        cursor.execute(
            "INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)"
            " SELECT %s, unnest(%s::bigint[]), 120, 'correction', 'correction:share:' || generate_series(1, 40)",
            [accounts.available(payer.client.id), [accounts.available(client.id) for client in clients]],
        )
    asked = [
        services.request_withdrawal(client_id=client.id, amount=Decimal(11 + turn))
        for turn in range(5)
        for client in clients
    ]
    assert len(asked) == 200
    limits = {
        "SOKE_UNTIL_DONE": "1",
        "SOKE_WITHDRAWAL_AUTOMATIC_CLIENT": "1000",
        "SOKE_WITHDRAWAL_AUTOMATIC_PLATFORM": "100000",
    }
    workers = [start(settings, **limits) for _ in range(4)]
    victim = workers.pop()
    while Payout.objects.count() < 20:
        assert any(worker.poll() is None for worker in workers)
    victim.kill()
    victim.wait()
    workers.append(start(settings, **limits))
    assert [worker.wait(300) for worker in workers] == [0] * 4
    while Withdrawal.objects.filter(status="sent").exists():
        development.mine(2)
        services.track()
    assert set(Withdrawal.objects.values_list("status", flat=True)) == {"confirmed"}
    assert sorted(Payout.objects.values_list("nonce", flat=True)) == list(range(200))
    assert chain.transactions_of(settings.CHAIN_HOT_WALLET_ADDRESS) == 200
    for client in clients:
        amounts = sorted(log.amount for log in paid(chain, settings, client.address))
        assert amounts == [10, 11, 12, 13, 14]
    assert {balance(accounts.available(client.id)) for client in clients} == {55}
    assert_books_agree()
