"""Money out: asked for, approved, paid once, ended; and what refuses it."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.utils import timezone
from eth_account import Account

from accounts import bans
from chain import development, hotwallet
from chain.node import Node
from common import sql
from common.errors import Invalid, Refused
from ledger import accounts
from ledger.accounts import PlatformAccount
from ledger.queries import balance
from operations import approvals, halts
from operations.models import Alert, Approval, AuditEntry
from payments import queries, rules, services
from payments.models import Payout, PayoutWallet, Withdrawal
from payments.services import withdrawals
from payments.services.withdrawals import paying
from payments.tests.conftest import Payer, assert_books_agree, confirm, custody

pytestmark = pytest.mark.django_db


@pytest.fixture
def funded(payer: Payer) -> Payer:
    """A client with 900 USDT on its index account, which the hot wallet holds."""
    payer.pay("900")
    confirm()
    return payer


@pytest.fixture
def operators() -> list[User]:
    return [User.objects.create_superuser(name, password="x") for name in ("anna", "bob")]


def ask(payer: Payer, amount: str) -> Withdrawal:
    return services.request_withdrawal(client_id=payer.client.id, amount=Decimal(amount))


def sweep() -> None:
    """What the scheduled job does."""
    services.approve_automatically()
    services.track()
    services.pay()


def state(withdrawal: Withdrawal) -> tuple[str, str]:
    withdrawal.refresh_from_db()
    return withdrawal.status, withdrawal.reason


def held(payer: Payer) -> Decimal:
    return balance(accounts.withdrawal_hold(payer.client.id))


def wallet_tokens(chain: Node, settings: Any, address: str) -> Decimal:
    development.wait_until_mined()
    return chain.balance_of(settings.CHAIN_TOKEN_ADDRESS, address)


def test_from_request_to_confirmation(funded: Payer, chain: Node, settings: Any) -> None:
    withdrawal = ask(funded, "50")
    assert (state(withdrawal), funded.balance, held(funded)) == (("review", ""), 850, 50)
    sweep()
    assert (state(withdrawal), withdrawal.automatic, withdrawal.nonce) == (("sent", ""), True, 0)
    assert wallet_tokens(chain, settings, funded.wallet.address) == 149
    assert_books_agree()
    sweep()
    assert state(withdrawal) == ("sent", "")
    development.mine(2)
    sweep()
    assert state(withdrawal) == ("confirmed", "")
    assert (funded.balance, held(funded), balance(PlatformAccount.FEE_REVENUE), custody()) == (850, 0, 1, -851)
    assert withdrawal.tx_hash == Payout.objects.get().tx_hash
    development.mine(3)
    sweep()
    assert wallet_tokens(chain, settings, funded.wallet.address) == 149
    assert_books_agree()


def test_what_is_refused(funded: Payer) -> None:
    with pytest.raises(Invalid) as invalid:
        ask(funded, "9.999999")
    assert invalid.value.reason == "below_minimum"
    for amount, reason in (("900.000001", "insufficient_balance"), ("100000", "insufficient_balance")):
        with pytest.raises(Refused) as refusal:
            ask(funded, amount)
        assert refusal.value.reason == reason
    for kind in (halts.Kind.WITHDRAW, halts.Kind.ALL):
        halt = halts.start(kind=kind, index_id=None, reason="test", operator="anna")
        with pytest.raises(Refused) as refusal:
            ask(funded, "50")
        assert refusal.value.reason == "halted"
        halts.lift(halt_id=halt.pk, operator="anna")
    assert (Withdrawal.objects.count(), funded.balance, held(funded)) == (0, 900, 0)


def test_five_a_day(funded: Payer, operators: list[User]) -> None:
    asked = [ask(funded, "10") for _ in range(5)]
    with pytest.raises(Refused) as refusal:
        ask(funded, "10")
    assert refusal.value.reason == "withdrawal_limit"
    # What the platform turned down does not count.
    withdrawals.reject(withdrawal_id=asked[0].pk, operator=operators[0], reason="test")
    ask(funded, "10")
    assert (funded.balance, held(funded)) == (850, 50)
    assert_books_agree()


def test_a_halt_stops_payouts_too(funded: Payer) -> None:
    withdrawal = ask(funded, "50")
    halt = halts.start(kind="withdraw", index_id=None, reason="test", operator="anna")
    sweep()
    assert state(withdrawal) == ("review", "")
    halts.lift(halt_id=halt.pk, operator="anna")
    sweep()
    assert state(withdrawal) == ("sent", "")


def test_a_deposit_halt_refuses_orders_and_books_what_arrives(payer: Payer) -> None:
    halts.start(kind="deposit", index_id=None, reason="test", operator="anna")
    with pytest.raises(Refused) as refusal:
        payer.order("10")
    assert refusal.value.reason == "halted"
    payer.pay("10")
    assert confirm() == 1
    assert payer.balance == 10


def test_the_days_limits_of_the_automatic(funded: Payer, new_payer: Callable[[], Payer], settings: Any) -> None:
    settings.WITHDRAWAL_AUTOMATIC_CLIENT = Decimal(100)
    settings.WITHDRAWAL_AUTOMATIC_PLATFORM = Decimal(130)
    other = new_payer()
    other.pay("500")
    confirm()
    asked = [
        ask(funded, "60"),
        ask(funded, "60"),
        ask(funded, "40"),
        ask(other, "30"),
        ask(other, "20"),
        ask(other, "101"),
    ]
    sweep()
    assert [state(row)[0] for row in asked] == ["sent", "review", "sent", "sent", "review", "review"]
    # A new day.
    Withdrawal.objects.filter(automatic=True).update(approved_at=timezone.now() - timedelta(days=1))
    sweep()
    assert [state(row)[0] for row in (asked[1], asked[4], asked[5])] == ["sent", "sent", "review"]


def test_a_banned_client_is_paid_by_an_operators_word_alone(funded: Payer, operators: list[User]) -> None:
    approved, asked = ask(funded, "30"), ask(funded, "40")
    services.approve_automatically()
    late = ask(funded, "20")
    bans.ban(client_id=funded.client.id, reason="a stolen wallet", operator=operators[0])
    sweep()
    assert [state(row)[0] for row in (approved, asked, late)] == ["approved", "approved", "review"]
    withdrawals.approve(withdrawal_id=late.id, operator=operators[0], reason="the owner asked")
    withdrawals.reject(withdrawal_id=approved.id, operator=operators[0], reason="stolen")
    sweep()
    assert [state(row)[0] for row in (approved, asked, late)] == ["rejected", "approved", "sent"]
    bans.unban(client_id=funded.client.id)
    sweep()
    assert state(asked)[0] == "sent"


def test_an_operator_decides(funded: Payer, operators: list[User]) -> None:
    good, bad = ask(funded, "300"), ask(funded, "200")
    sweep()
    assert (state(good)[0], state(bad)[0]) == ("review", "review")
    withdrawals.approve(withdrawal_id=good.pk, operator=operators[0], reason="known client")
    withdrawals.reject(withdrawal_id=bad.pk, operator=operators[0], reason="looks odd")
    sweep()
    assert (state(good), state(bad)) == (("sent", ""), ("rejected", "looks odd"))
    assert good.approved_by == operators[0]
    assert (funded.balance, held(funded)) == (600, 300)
    entries = list(AuditEntry.objects.order_by("id").values_list("action", "object_id", "reason"))
    assert entries == [("withdrawal.approve", good.no, "known client"), ("withdrawal.reject", bad.no, "looks odd")]
    for row in (good, bad):
        with pytest.raises(Refused) as refusal:
            withdrawals.reject(withdrawal_id=row.pk, operator=operators[0], reason="late")
        assert refusal.value.reason == "not_in_review"
    nobody = User.objects.create_user("nobody", password="x", is_staff=True)
    third = ask(funded, "150")
    for act in (withdrawals.approve, withdrawals.reject):
        with pytest.raises(Refused) as refusal:
            act(withdrawal_id=third.pk, operator=nobody, reason="x")
        assert refusal.value.reason == "not_permitted"
    assert_books_agree()


def test_a_large_one_needs_two(funded: Payer, operators: list[User], settings: Any) -> None:
    settings.WITHDRAWAL_FOUR_EYES = Decimal(200)
    settings.WITHDRAWAL_AUTOMATIC_CLIENT = settings.WITHDRAWAL_AUTOMATIC_PLATFORM = Decimal(10_000)
    withdrawal = ask(funded, "200.000001")
    first, second = operators
    withdrawals.approve(withdrawal_id=withdrawal.pk, operator=first, reason="seen the papers")
    sweep()
    assert state(withdrawal) == ("review", "")
    approval = Approval.objects.get()
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=approval.pk, operator=first)
    assert refusal.value.reason == "own_proposal"
    assert state(withdrawal) == ("review", "")
    approvals.approve(approval_id=approval.pk, operator=second)
    assert state(withdrawal) == ("approved", "")
    assert (withdrawal.approved_by, withdrawal.second_approved_by) == (first, second)
    sweep()
    assert state(withdrawal) == ("sent", "")
    # Another one is rejected while a proposal waits: that ends, too.
    other = ask(funded, "250")
    withdrawals.approve(withdrawal_id=other.pk, operator=first, reason="x")
    withdrawals.reject(withdrawal_id=other.pk, operator=second, reason="no")
    assert (state(other)[0], Approval.objects.latest("id").status) == ("rejected", "rejected")
    assert_books_agree()


@pytest.mark.parametrize(
    "change",
    [
        "status = 'approved', approved_by_id = {first}",
        "status = 'approved', approved_by_id = {first}, second_approved_by_id = {first}",
        "status = 'approved', automatic = true",
        "status = 'approved', needs_two = false, approved_by_id = {first}",
        "amount = 1000000",
        "address = '0x0000000000000000000000000000000000000001'",
        "status = 'confirmed'",
        "status = 'sent', nonce = 7",
    ],
)
def test_the_database_keeps_four_eyes(funded: Payer, operators: list[User], settings: Any, change: str) -> None:
    settings.WITHDRAWAL_FOUR_EYES = Decimal(100)
    withdrawal = ask(funded, "200")
    statement = f"UPDATE payments_withdrawal SET {change}".format(first=operators[0].pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        sql.execute(statement)
    assert state(withdrawal) == ("review", "")
    for statement in ("DELETE FROM payments_withdrawal", "TRUNCATE payments_withdrawal CASCADE"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.execute(statement)


def test_a_low_wallet_waits_and_says_so(funded: Payer, chain: Node, settings: Any) -> None:
    settings.HOT_WALLET_LOW_TOKENS = Decimal(800)
    settings.WITHDRAWAL_AUTOMATIC_CLIENT = Decimal(500)
    first, second = ask(funded, "100"), ask(funded, "100")
    sweep()
    assert [state(first)[0], state(second)[0]] == ["sent", "approved"]
    assert PayoutWallet.objects.get().held_up == "tokens"
    assert [alert.key for alert in Alert.objects.all()] == ["hot_wallet:tokens"]
    settings.HOT_WALLET_LOW_TOKENS = Decimal(0)
    chain.call("anvil_setBalance", settings.CHAIN_HOT_WALLET_ADDRESS, hex(10**15))
    sweep()
    assert (state(second)[0], PayoutWallet.objects.get().held_up) == ("approved", "gas")
    assert set(Alert.objects.values_list("key", flat=True)) == {"hot_wallet:tokens", "hot_wallet:gas"}
    chain.call("anvil_setBalance", settings.CHAIN_HOT_WALLET_ADDRESS, hex(10**20))
    sweep()
    assert (state(second)[0], PayoutWallet.objects.get().held_up) == ("sent", "")
    assert (PayoutWallet.objects.get().next_nonce, second.nonce) == (2, 1)


def test_what_is_not_mined_is_not_spent_twice(funded: Payer, chain: Node, settings: Any) -> None:
    settings.WITHDRAWAL_AUTOMATIC_CLIENT = Decimal(900)
    rows = [ask(funded, "450"), ask(funded, "440")]
    settings.HOT_WALLET_LOW_TOKENS = Decimal(50)
    chain.call("evm_setAutomine", False)
    try:
        sweep()
        assert [state(row)[0] for row in rows] == ["sent", "approved"]
    finally:
        chain.call("evm_setAutomine", True)
        chain.call("evm_mine")
    settings.HOT_WALLET_LOW_TOKENS = Decimal(0)
    sweep()
    development.mine(2)
    sweep()
    assert [state(row)[0] for row in rows] == ["confirmed", "confirmed"]
    assert_books_agree()


def test_a_reverted_payout_fails_and_returns_the_hold(funded: Payer, settings: Any) -> None:
    withdrawal = ask(funded, "50")
    # Too little to finish: it is mined and reverted.
    settings.PAYOUT_GAS = 25_000
    sweep()
    development.mine(2)
    sweep()
    assert state(withdrawal) == ("failed", "transaction_failed")
    assert (funded.balance, held(funded), custody()) == (900, 0, -900)
    assert Alert.objects.get().key == f"withdrawal_failed:{withdrawal.no}"
    assert_books_agree()


def test_a_stuck_payout_is_replaced(funded: Payer, chain: Node, settings: Any) -> None:
    withdrawal = ask(funded, "50")
    chain.call("evm_setAutomine", False)
    try:
        sweep()
        settings.PAYOUT_STUCK_SECONDS = 0.0
        sweep()
        first, second = Payout.objects.order_by("attempt")
        assert (first.nonce, second.nonce) == (0, 0)
        assert second.max_fee >= first.max_fee * Decimal("1.25")
        assert second.tip >= first.tip * Decimal("1.25")
        assert second.error == ""
        for _ in range(4):
            sweep()
        assert Alert.objects.get().key == f"payout_stuck:{withdrawal.no}"
        settings.PAYOUT_STUCK_SECONDS = 120.0
        chain.call("evm_mine")
    finally:
        chain.call("evm_setAutomine", True)
    development.mine(2)
    sweep()
    assert state(withdrawal) == ("confirmed", "")
    assert withdrawal.tx_hash == Payout.objects.order_by("-attempt")[0].tx_hash
    assert wallet_tokens(chain, settings, funded.wallet.address) == 149
    assert_books_agree()


def test_replacements_stop_at_the_highest_fee(funded: Payer, chain: Node, settings: Any) -> None:
    ask(funded, "50")
    chain.call("evm_setAutomine", False)
    try:
        sweep()
        settings.PAYOUT_STUCK_SECONDS, settings.PAYOUT_HIGHEST_FEE = 0.0, int(Payout.objects.get().max_fee)
        sweep()
        assert Payout.objects.count() == 1
        assert Alert.objects.get().key.startswith("payout_stuck:")
    finally:
        chain.call("evm_mine")
        chain.call("evm_setAutomine", True)


def test_the_node_forgets_what_was_sent(funded: Payer, chain: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    withdrawal = ask(funded, "50")
    chain.call("evm_setAutomine", False)
    try:
        sweep()
        payout = Payout.objects.get()
        chain.call("anvil_dropTransaction", payout.tx_hash)
        chain.call("evm_mine")
    finally:
        chain.call("evm_setAutomine", True)
    sweep()
    assert chain.receipt(payout.tx_hash) is None
    Payout.objects.update(broadcast_at=timezone.now() - timedelta(minutes=1))
    sweep()
    development.mine(2)
    sweep()
    assert state(withdrawal) == ("confirmed", "")
    assert (Payout.objects.count(), withdrawal.tx_hash) == (1, payout.tx_hash)


def test_a_reorganised_payout_is_waited_for(funded: Payer, chain: Node) -> None:
    withdrawal = ask(funded, "50")
    services.approve_automatically()
    snapshot = chain.call("evm_snapshot")
    services.pay()
    payout = Payout.objects.get()
    development.wait_until_mined()
    assert chain.receipt(payout.tx_hash) is not None
    assert chain.call("evm_revert", snapshot)
    development.mine(5)
    Payout.objects.update(broadcast_at=None)
    sweep()
    development.mine(2)
    sweep()
    assert (state(withdrawal), Payout.objects.count()) == (("confirmed", ""), 1)
    assert_books_agree()


def test_a_payout_that_is_reorganised_after_it_was_confirmed_is_sent_again(
    funded: Payer, chain: Node, settings: Any
) -> None:
    withdrawal = ask(funded, "50")
    services.approve_automatically()
    snapshot = chain.call("evm_snapshot")
    services.pay()
    development.mine(2)
    sweep()
    assert (state(withdrawal), services.watch()) == (("confirmed", ""), 0)
    assert chain.call("evm_revert", snapshot)
    development.mine(5)
    assert wallet_tokens(chain, settings, funded.wallet.address) == 100
    assert services.watch() == 1
    assert Alert.objects.get().key == f"payout_reorganised:{withdrawal.no}"
    development.mine(1)
    assert services.watch() == 0
    assert (state(withdrawal), Payout.objects.count()) == (("confirmed", ""), 1)
    assert wallet_tokens(chain, settings, funded.wallet.address) == 149
    assert_books_agree()


def test_a_reverted_payout_that_is_in_no_block_any_more_is_told(funded: Payer, chain: Node, settings: Any) -> None:
    withdrawal = ask(funded, "50")
    services.approve_automatically()
    settings.PAYOUT_GAS = 25_000
    snapshot = chain.call("evm_snapshot")
    services.pay()
    development.mine(2)
    sweep()
    assert (state(withdrawal), services.watch()) == (("failed", "transaction_failed"), 0)
    Alert.objects.all().delete()
    assert chain.call("evm_revert", snapshot)
    # Nothing of it is sent again: the client has the money back.
    assert services.watch() == 1
    development.mine(1)
    assert chain.receipt(withdrawal.tx_hash) is None
    assert Alert.objects.get().key == f"payout_reorganised:{withdrawal.no}"
    assert_books_agree()


def test_the_node_is_gone(funded: Payer, settings: Any) -> None:
    withdrawal = ask(funded, "50")
    address = settings.CHAIN_RPC_URL
    services.approve_automatically()
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    sweep()
    assert state(withdrawal) == ("approved", "")
    settings.CHAIN_RPC_URL = address
    sweep()
    development.mine(2)
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    sweep()
    assert state(withdrawal) == ("sent", "")
    settings.CHAIN_RPC_URL = f"http://127.0.0.1:9,{address}"
    sweep()
    assert state(withdrawal) == ("confirmed", "")


def test_a_wrong_key_signs_nothing(funded: Payer, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    withdrawal = ask(funded, "50")
    stranger = development.fresh_wallet()
    for key in (stranger.key, "0x1234", "nonsense"):
        monkeypatch.setenv("SOKE_HOT_WALLET_KEY", key)
        sweep()
        assert key not in caplog.text
    assert (state(withdrawal), Payout.objects.count()) == (("approved", ""), 0)
    alert = Alert.objects.get()
    assert alert.key == "hot_wallet:key"
    assert stranger.key not in alert.text


def test_the_key_from_a_keystore(
    funded: Payer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any, chain: Node
) -> None:
    key = os.environ["SOKE_HOT_WALLET_KEY"]
    (tmp_path / "key.json").write_text(json.dumps(Account.encrypt(key, "horse battery", kdf="pbkdf2", iterations=1000)))
    (tmp_path / "password").write_text("horse battery\n")
    monkeypatch.delenv("SOKE_HOT_WALLET_KEY")
    monkeypatch.setenv("SOKE_HOT_WALLET_KEYSTORE", str(tmp_path / "key.json"))
    monkeypatch.setenv("SOKE_HOT_WALLET_PASSWORD_FILE", str(tmp_path / "password"))
    withdrawal = ask(funded, "50")
    sweep()
    assert state(withdrawal) == ("sent", "")
    (tmp_path / "password").write_text("wrong")
    hotwallet._read.cache_clear()
    with pytest.raises(hotwallet.HotWalletError) as error:
        hotwallet.check()
    assert "wrong" not in str(error.value)


def test_the_key_stands_nowhere(funded: Payer, settings: Any, caplog: Any) -> None:
    key = os.environ["SOKE_HOT_WALLET_KEY"][2:]
    ask(funded, "50")
    sweep()
    development.mine(2)
    sweep()
    values = [str(getattr(settings, name)) for name in dir(settings) if name.isupper()]
    rows = [str(row) for model in (Payout, Withdrawal, PayoutWallet, Alert) for row in model.objects.values()]
    assert not [text for text in [*values, *rows, caplog.text] if key in text]


def test_a_stranger_with_the_key_is_noticed(funded: Payer, chain: Node, settings: Any) -> None:
    """A transfer out that nobody here signed: a deficit, and the nonce goes on behind it."""
    stranger = development.fresh_wallet().address
    development.send_transfer(os.environ["SOKE_HOT_WALLET_KEY"], stranger, Decimal(5))
    found = [difference.what for difference in queries.holdings_differences() if not difference.warning]
    assert found == ["booked 900.000000, held 895.000000: 5.000000 are missing"]
    withdrawal = ask(funded, "50")
    sweep()
    development.mine(2)
    sweep()
    assert (state(withdrawal), withdrawal.nonce) == (("confirmed", ""), 1)


@pytest.mark.parametrize(
    ("base", "tip", "last_fee", "last_tip", "expected"),
    [
        (100, 10, 210, 10, (263, 13)),
        (1000, 10, 210, 10, (2010, 13)),
        (100, 50, 210, 10, (263, 50)),
        (1, 1, 3, 1, (4, 2)),
        (10**6, 1, 3, 1, (10_000, 2)),
    ],
)
def test_a_higher_bid(base: int, tip: int, last_fee: int, last_tip: int, expected: tuple[int, int]) -> None:
    assert rules.higher_bid(base, tip, last_fee, last_tip, Decimal("0.25"), 10_000) == expected


def test_one_that_cannot_be_followed_stops_no_other(funded: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ask(funded, "20"), ask(funded, "30")]
    sweep()
    development.mine(2)
    real = withdrawals.tracking._end

    def failing(withdrawal_id: int, *rest: Any) -> bool:
        if withdrawal_id == rows[0].pk:
            raise RuntimeError
        return real(withdrawal_id, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(withdrawals.tracking, "_end", failing)
        services.track()
    assert [state(row)[0] for row in rows] == ["sent", "confirmed"]
    services.track()
    assert state(rows[0])[0] == "confirmed"
    assert paying.AT_ONCE >= 2
