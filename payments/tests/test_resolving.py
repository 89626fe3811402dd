"""What two operators decide: unmatched payments, bookings that are gone from the chain, corrections; their pages."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from chain import development
from chain.development import Wallet
from chain.node import Node
from common.errors import Invalid, Refused
from ledger import accounts
from ledger.accounts import PlatformAccount
from ledger.models import Transfer
from ledger.queries import balance
from operations import approvals
from operations.models import Alert, Approval
from payments import queries, services
from payments.models import ChainTransfer, Withdrawal
from payments.services import resolving
from payments.tests.conftest import Payer, assert_books_agree, confirm, custody, sweep, transfers

pytestmark = pytest.mark.django_db


@pytest.fixture
def operators() -> list[User]:
    return [User.objects.create_superuser(name, password="x") for name in ("anna", "bob")]


@pytest.fixture
def stray(chain: Node, settings: Any) -> Wallet:
    """An unknown wallet that has paid 5 USDT, booked as unmatched."""
    wallet = development.fresh_wallet(Decimal(5))
    development.send_transfer(wallet.key, settings.CHAIN_RECEIVING_ADDRESS, Decimal(5))
    confirm()
    assert Alert.objects.get().key == f"unmatched:{wallet.address}"
    return wallet


def approved(approval: Approval | None, second: User) -> None:
    assert approval is not None
    with pytest.raises(Refused):
        approvals.approve(approval_id=approval.pk, operator=approval.proposed_by)
    approvals.approve(approval_id=approval.pk, operator=second)


def test_an_unmatched_payment_is_assigned(stray: Wallet, payer: Payer, operators: list[User]) -> None:
    transfer = ChainTransfer.objects.get()
    with pytest.raises(Invalid):
        resolving.propose_assignment(transfer_id=transfer.pk, address="0x1", operator=operators[0], reason="x")
    approval = resolving.propose_assignment(
        transfer_id=transfer.pk, address=payer.wallet.address.lower(), operator=operators[0], reason="proved it by mail"
    )
    assert payer.balance == 0
    approved(approval, operators[1])
    assert (payer.balance, balance(PlatformAccount.UNMATCHED)) == (5, 0)
    with pytest.raises(Refused):
        resolving.propose_refund(transfer_id=transfer.pk, operator=operators[0], reason="x")
    assert_books_agree()


def test_an_unmatched_payment_is_refunded(stray: Wallet, chain: Node, operators: list[User], settings: Any) -> None:
    transfer = ChainTransfer.objects.get()
    approved(resolving.propose_refund(transfer_id=transfer.pk, operator=operators[0], reason="asked for"), operators[1])
    assert_books_agree()
    services.pay()
    development.mine(2)
    services.track()
    withdrawal = Withdrawal.objects.get()
    transfer.refresh_from_db()
    assert (withdrawal.status, withdrawal.amount, transfer.resolution) == ("confirmed", 5, "refunded")
    assert chain.balance_of(settings.CHAIN_TOKEN_ADDRESS, stray.address) == 5
    assert (balance(PlatformAccount.UNMATCHED), custody()) == (0, 0)
    assert Transfer.objects.get(credit_id=int(PlatformAccount.CUSTODY)).kind == "refund"
    assert_books_agree()


def lost(chain: Node, payer: Payer) -> tuple[ChainTransfer, str]:
    """A payment that was booked and is gone; its raw transaction."""
    sweep()
    snapshot = chain.call("evm_snapshot")
    raw = chain.call("eth_getRawTransactionByHash", payer.pay("10"))
    confirm()
    assert chain.call("evm_revert", snapshot)
    development.mine(6)
    confirm()
    assert transfers() == ["reorganised"]
    return ChainTransfer.objects.get(), raw


def test_a_lost_booking_is_reversed(chain: Node, payer: Payer, operators: list[User]) -> None:
    transfer, _raw = lost(chain, payer)
    assert Alert.objects.get().key == f"reorganised:{transfer.pk}"
    approval = Approval.objects.get()
    assert (approval.kind, approval.proposed_by.username) == ("payment_reverse", "platform")
    assert not approval.proposed_by.is_active
    assert [found.check for found in queries.differences()] == ["payments"]
    approvals.approve(approval_id=approval.pk, operator=operators[0])
    assert (payer.balance, custody()) == (0, 0)
    assert_books_agree()


def test_a_lost_booking_that_is_back_is_not_reversed(chain: Node, payer: Payer, operators: list[User]) -> None:
    _transfer, raw = lost(chain, payer)
    chain.call("eth_sendRawTransaction", raw)
    confirm()
    assert transfers() == ["booked"]
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=Approval.objects.get().pk, operator=operators[0])
    assert refusal.value.reason == "not_reorganised"
    assert payer.balance == 10
    assert_books_agree()


def test_one_that_is_back_after_its_reversal_is_reported(chain: Node, payer: Payer, operators: list[User]) -> None:
    _transfer, raw = lost(chain, payer)
    approvals.approve(approval_id=Approval.objects.get().pk, operator=operators[0])
    chain.call("eth_sendRawTransaction", raw)
    confirm()
    assert [found.what.split(" ", 1)[1] for found in queries.differences()] == [
        "was reversed, and is on the chain again"
    ]


def test_a_node_that_lags_proves_nothing(chain: Node, payer: Payer) -> None:
    snapshot = chain.call("evm_snapshot")
    tx_hash = payer.pay("10")
    raw = chain.call("eth_getRawTransactionByHash", tx_hash)
    confirm()
    assert transfers() == ["booked"]
    assert chain.call("evm_revert", snapshot)
    # Its head is below the payment: nothing is given up.
    sweep()
    assert (transfers(), Approval.objects.count()) == (["booked"], 0)
    # It has caught up, and the payment is not there.
    development.mine(6)
    sweep()
    assert (transfers(), Approval.objects.count()) == (["reorganised"], 1)
    chain.call("eth_sendRawTransaction", raw)
    confirm()
    assert transfers() == ["booked"]
    assert_books_agree()


def test_a_reversal_of_what_is_spent_waits(chain: Node, payer: Payer, operators: list[User]) -> None:
    lost(chain, payer)
    services.request_withdrawal(client_id=payer.client.id, amount=Decimal(10))
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=Approval.objects.get().pk, operator=operators[0])
    assert refusal.value.reason == "insufficient_balance"
    assert Approval.objects.get().status == "pending"


def test_a_correction_and_its_reversal(payer: Payer, operators: list[User]) -> None:
    payer.pay("10")
    confirm()
    own = accounts.available(payer.client.id)

    def propose(debit: int, credit: int, amount: str) -> Approval:
        return resolving.propose_correction(
            debit=debit, credit=credit, amount=Decimal(amount), operator=operators[0], reason="a fee twice"
        )

    for debit, credit in (
        (accounts.margin(payer.client.id), own),
        (own, own),
        (own, 7),
        (PlatformAccount.UNMATCHED, own),
    ):
        with pytest.raises(Invalid):
            propose(debit, credit, "1")
    approved(propose(own, PlatformAccount.FEE_REVENUE, "3"), operators[1])
    assert (payer.balance, balance(PlatformAccount.FEE_REVENUE)) == (7, 3)
    with pytest.raises(Invalid) as invalid:
        propose(own, PlatformAccount.FEE_REVENUE, "8")
    assert "7.000000" in str(invalid.value.errors["amount"][0])
    # What is there when it is proposed may be gone when it is approved.
    too_much = propose(own, PlatformAccount.FEE_REVENUE, "6")
    approved(propose(own, PlatformAccount.FEE_REVENUE, "5"), operators[1])
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=too_much.pk, operator=operators[1])
    assert refusal.value.reason == "insufficient_balance"
    approved(propose(PlatformAccount.FEE_REVENUE, own, "5"), operators[1])
    correction = Transfer.objects.filter(kind="correction").earliest("id")
    approved(
        resolving.propose_ledger_reversal(transfer_id=correction.pk, operator=operators[0], reason="wrong client"),
        operators[1],
    )
    assert (payer.balance, balance(PlatformAccount.FEE_REVENUE)) == (10, 0)
    again = resolving.propose_ledger_reversal(transfer_id=correction.pk, operator=operators[0], reason="again")
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=again.pk, operator=operators[1])
    assert refusal.value.reason == "done_already"
    deposit = Transfer.objects.get(kind="deposit")
    with pytest.raises(Refused):
        resolving.propose_ledger_reversal(transfer_id=deposit.pk, operator=operators[0], reason="x")
    assert_books_agree()


def press(operator: User, model: str, action: str, key: int, **fields: str) -> None:
    browser = Browser()
    browser.force_login(operator)
    pressed = {"action": action, "_selected_action": [key], **fields}
    answer = browser.post(reverse(f"admin:{model}_changelist"), pressed, follow=True)
    assert answer.status_code == 200


def test_buttons(stray: Wallet, new_payer: Callable[[], Payer], operators: list[User]) -> None:
    anna, bob = operators
    payer = new_payer()
    payer.pay("900")
    confirm()
    transfer = ChainTransfer.objects.get(status="unmatched")
    press(anna, "payments_chaintransfer", "assign", transfer.pk, address=payer.wallet.address, reason="proved")
    press(bob, "operations_approval", "approve", Approval.objects.get().pk)
    assert payer.balance == 905
    small, other = (services.request_withdrawal(client_id=payer.client.id, amount=Decimal(200)) for _ in range(2))
    press(anna, "payments_withdrawal", "approve", small.pk)  # without a reason
    small.refresh_from_db()
    assert small.status == "review"
    press(anna, "payments_withdrawal", "approve", small.pk, reason="fine")
    press(anna, "payments_withdrawal", "reject", other.pk, reason="odd")
    small.refresh_from_db()
    other.refresh_from_db()
    assert (small.status, other.status, payer.balance) == ("approved", "rejected", 705)
    browser = Browser()
    browser.force_login(anna)
    page = reverse("admin:payments_correction_add")
    address = payer.wallet.address.lower()
    form = {
        "debit": int(PlatformAccount.CUSTODY),
        "debit_client": "",
        "credit": 0,
        "credit_client": address,
        "amount": "1",
        "reason": "goodwill",
    }
    answer = browser.post(page, form)
    assert answer.status_code == 302, answer.content
    approval = Approval.objects.get(kind="correction", status="pending")
    assert approval.proposal["debit"] == int(PlatformAccount.CUSTODY)
    assert approval.proposal["credit"] == accounts.available(payer.client.id)
    shown = browser.get(reverse("admin:payments_correction_change", args=[approval.pk])).content.decode()
    assert f"链上托管 → 可用 {payer.wallet.address}: 1.000000" in shown
    for wrong, field in (
        ({"debit": "9"}, "debit"),
        ({"debit": int(PlatformAccount.UNMATCHED)}, "debit"),
        ({"debit_client": address}, "debit_client"),
        ({"credit_client": ""}, "credit_client"),
        ({"credit_client": "0x" + "1" * 40}, "credit_client"),
        ({"debit": 0, "debit_client": address}, "credit"),
        ({"amount": "0"}, "amount"),
        ({"debit": int(PlatformAccount.FEE_REVENUE)}, "amount"),
    ):
        answer = browser.post(page, {**form, "reason": "x", **wrong})
        assert answer.status_code == 200
        assert field in answer.context["adminform"].form.errors, wrong
