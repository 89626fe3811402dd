"""What becomes of payments: the log counts, and no real payment is lost."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.services import open_client
from chain import development
from chain.development import Reverted, Wallet
from chain.node import TRANSFER_TOPIC, Node, node
from common.errors import Refused
from common.order_numbers import DEPOSIT, FUND
from ledger.accounts import PlatformAccount
from ledger.queries import balance
from payments import handlers, services
from payments.handlers import ConfirmedPayment, Later, PaymentHandler
from payments.models import ChainTransfer, PaymentOrder, ScanCursor
from payments.services.deposits import credit_index_account
from payments.tests.conftest import Payer, assert_books_agree, confirm, custody, status, sweep, transfers

pytestmark = pytest.mark.django_db

UNKNOWN = "0x" + "12" * 32


def word(digits: str) -> bytes:
    """0x and hex digits as 32 bytes of call data."""
    return bytes.fromhex(digits[2:].rjust(64, "0"))


def age(order: PaymentOrder, minutes: int) -> None:
    """Moves an order into the past."""
    shift = timedelta(minutes=minutes)
    for name in ("created_at", "expires_at", "claimed_at", "checked_at"):
        if (moment := getattr(order, name)) is not None:
            setattr(order, name, moment - shift)
    order.save()


def test_nothing_is_booked_before_it_is_deep(payer: Payer) -> None:
    order = payer.order("10")
    payer.claim(order, payer.pay("10"))
    assert sweep() == 0
    development.mine(1)
    assert sweep() == 0
    assert (status(order), payer.balance, transfers()) == ((1, ""), 0, ["seen"])
    development.mine(1)
    assert sweep() == 1
    assert (status(order), payer.balance, transfers()) == ((2, ""), 10, ["booked"])
    assert_books_agree()


def test_claimed_twice_is_credited_once(payer: Payer) -> None:
    first, second = payer.order("10"), payer.order("10")
    tx_hash = payer.pay("10")
    payer.claim(first, tx_hash)
    payer.claim(first, tx_hash.upper().replace("0X", "0x"))
    payer.claim(second, tx_hash)
    assert confirm() == 1
    assert (status(first), status(second)) == ((2, ""), (3, "already_used"))
    assert payer.claim(first, tx_hash).status == 2
    assert confirm() == 0
    assert payer.balance == 10
    assert_books_agree()


def test_a_used_transaction_pays_no_later_order(payer: Payer) -> None:
    payer.order("10")
    tx_hash = payer.pay("10")
    confirm()
    later = payer.order("10")
    payer.claim(later, tx_hash)
    confirm()
    assert (status(later), payer.balance) == ((3, "already_used"), 10)


def test_another_client_claims_first(new_payer: Callable[[], Payer]) -> None:
    thief, owner = new_payer(), new_payer()
    stolen, order = thief.order("10"), owner.order("10")
    tx_hash = owner.pay("10")
    thief.claim(stolen, tx_hash)
    sweep()
    owner.claim(order, tx_hash)
    confirm()
    assert (status(stolen), status(order)) == ((3, "not_your_payment"), (2, ""))
    assert (thief.balance, owner.balance) == (0, 10)
    assert_books_agree()


def test_wrong_amount_goes_to_the_index_account(payer: Payer) -> None:
    order = payer.order("10")
    payer.claim(order, payer.pay("9.999999"))
    assert confirm() == 1
    assert (status(order), payer.balance) == ((3, "wrong_amount"), Decimal("9.999999"))
    assert_books_agree()


def test_an_unsubmitted_payment_is_matched(payer: Payer) -> None:
    other, order = payer.order("11"), payer.order("10")
    tx_hash = payer.pay("10")
    confirm()
    assert (status(order), status(other)) == ((2, ""), (0, ""))
    # Submitting late what has been found already is no error; anything else is.
    assert payer.claim(order, tx_hash).status == 2
    with pytest.raises(Refused) as refusal:
        payer.claim(order, UNKNOWN)
    assert refusal.value.reason == "order_confirmed"
    assert_books_agree()


def test_a_payment_that_fits_several_orders_waits_for_a_claim(payer: Payer) -> None:
    first, second = payer.order("10"), payer.order("10")
    tx_hash = payer.pay("10")
    assert confirm() == 0
    assert services.expire() == 0
    payer.claim(second, tx_hash)
    assert sweep() == 1
    assert (status(first), status(second)) == ((0, ""), (2, ""))
    assert payer.balance == 10


def test_a_payment_that_fits_several_expired_orders_goes_to_the_index_account(payer: Payer) -> None:
    first, second = payer.order("10"), payer.order("10")
    payer.pay("10")
    assert confirm() == 0
    paid_at = ChainTransfer.objects.get().block_time
    PaymentOrder.objects.update(expires_at=paid_at)
    ScanCursor.objects.update(block_time=paid_at + timedelta(seconds=1))
    assert services.expire() == 0
    assert services.settle() == 1
    assert services.expire() == 2
    assert (status(first), status(second), payer.balance) == ((3, "expired"), (3, "expired"), 10)
    assert_books_agree()


def test_two_transfers_in_one_transaction(chain: Node, settings) -> None:
    owner = development.fresh_wallet()
    address = development.deploy_wallet(owner.key)
    development.send_transfer(development.wallet(development.DEPLOYER).key, address, Decimal(1000))
    payer = Payer(Wallet(address, owner.key), open_client(address=address), settings.CHAIN_RECEIVING_ADDRESS)
    small, large = payer.order("3"), payer.order("7")
    calls = [(payer.receiving, Decimal(amount)) for amount in (2, 7, 3, 7)]
    tx_hash = development.send_transfers_from_contract(owner.key, address, calls)
    payer.claim(large, tx_hash)
    assert confirm() == 4
    assert (status(small), status(large), payer.balance) == ((2, ""), (2, ""), 19)
    assert transfers() == ["booked"] * 4
    assert_books_agree()


def test_other_tokens_and_look_alikes_are_nothing(payer: Payer, token: str) -> None:
    order = payer.order("10")
    holders = word(hex(32)) + word(hex(1)) + word(payer.wallet.address)
    other = development.deploy_contract(payer.wallet.key, "TestUSDT", holders)
    payer.claim(order, payer.pay("10", token=other))
    assert confirm() == 0
    assert (status(order), payer.balance, transfers()) == ((3, "no_transfer"), 0, [])
    # A contract that emits the very event with the payer's address in it.
    runtime = bytes.fromhex("6020606060003760403560203560003560206000a300")
    fake = development.deploy_code(payer.wallet.key, bytes.fromhex("6016600c60003960166000f3") + runtime)
    event = [TRANSFER_TOPIC, payer.wallet.address, payer.receiving, hex(10_000_000)]
    again = payer.order("10")
    payer.claim(again, development.send_transaction(payer.wallet.key, fake, b"".join(map(word, event))))
    assert confirm() == 0
    assert (status(again), payer.balance, transfers()) == ((3, "no_transfer"), 0, [])
    assert_books_agree()


def test_zero_values_in_anybodys_name_are_ignored(payer: Payer) -> None:
    payer.pay("0")
    assert confirm() == 0
    assert transfers() == []


def test_a_reverted_transaction_fails_the_order(payer: Payer) -> None:
    order = payer.order("2000")
    with pytest.raises(Reverted) as reverted:
        payer.pay("2000")
    payer.claim(order, reverted.value.tx_hash)
    sweep()
    assert status(order) == (1, "")
    confirm()
    assert (status(order), payer.balance) == ((3, "transaction_failed"), 0)


def test_a_transfer_to_somebody_else_fails_the_order(payer: Payer) -> None:
    order = payer.order("10")
    stranger = development.fresh_wallet().address
    payer.claim(order, development.send_transfer(payer.wallet.key, stranger, Decimal(10)))
    confirm()
    assert (status(order), payer.balance) == ((3, "no_transfer"), 0)


def test_a_transaction_that_never_shows_up(payer: Payer) -> None:
    order = payer.order("10")
    payer.claim(order, UNKNOWN)
    confirm()
    assert status(order) == (1, "")
    order.refresh_from_db()
    age(order, 31)
    confirm()
    assert status(order) == (3, "transaction_not_found")


def test_another_transaction_may_be_named_until_one_is_seen(payer: Payer) -> None:
    order = payer.order("10")
    payer.claim(order, UNKNOWN)
    tx_hash = payer.pay("10")
    payer.claim(order, tx_hash)
    sweep()
    with pytest.raises(Refused) as refusal:
        payer.claim(order, UNKNOWN)
    assert refusal.value.reason == "already_submitted"
    confirm()
    assert status(order) == (2, "")


def test_an_order_expires_when_the_scanner_has_passed_it(payer: Payer) -> None:
    order = payer.order("10")
    sweep()
    age(order, 31)
    ScanCursor.objects.update(block_time=order.expires_at)
    assert services.expire() == 0
    confirm()
    assert services.expire() == 1
    assert status(order) == (3, "expired")
    with pytest.raises(Refused) as refusal:
        payer.claim(order, UNKNOWN)
    assert refusal.value.reason == "order_expired"
    payer.pay("10")
    confirm()
    assert (status(order), payer.balance) == ((3, "expired"), 10)
    assert_books_agree()


def test_paid_in_time_and_booked_after_the_expiry(payer: Payer) -> None:
    order = payer.order("10")
    payer.pay("10")
    sweep()
    PaymentOrder.objects.update(expires_at=ChainTransfer.objects.get().block_time)
    ScanCursor.objects.update(block_time=ChainTransfer.objects.get().block_time + timedelta(minutes=1))
    assert services.expire() == 0
    confirm()
    assert status(order) == (2, "")


def test_a_late_payment_that_is_claimed(payer: Payer) -> None:
    order = payer.order("10")
    age(order, 31)
    payer.claim(order, payer.pay("10"))
    confirm()
    assert (status(order), payer.balance) == ((3, "paid_late"), 10)
    assert_books_agree()


def test_an_unknown_sender_waits_for_an_operator(chain: Node, settings) -> None:
    stranger = development.fresh_wallet(Decimal(5))
    development.send_transfer(stranger.key, settings.CHAIN_RECEIVING_ADDRESS, Decimal(5))
    assert confirm() == 1
    assert (transfers(), balance(PlatformAccount.UNMATCHED), custody()) == (["unmatched"], Decimal(5), -5)
    assert_books_agree()


def test_the_treasurys_transfers_are_the_fund_reserves(payer: Payer, settings) -> None:
    settings.CHAIN_TREASURY_ADDRESS = payer.wallet.address
    order = payer.order("10")
    payer.pay("10")
    assert confirm() == 1
    assert (transfers(), ChainTransfer.objects.get().booked_as) == (["booked"], "reserve")
    assert (balance(PlatformAccount.FUND_RESERVE), payer.balance, status(order)) == (10, 0, (0, ""))
    assert_books_agree()


def test_the_platforms_transfer_to_itself_moves_nothing(payer: Payer, settings) -> None:
    settings.CHAIN_RECEIVING_ADDRESS = payer.wallet.address
    settings.CHAIN_START_BLOCK = node().head().number + 1
    payer.receiving = payer.wallet.address
    payer.pay("10")
    confirm()
    assert transfers() == ["ignored"]
    assert (payer.balance, custody()) == (0, 0)


class Moody(PaymentHandler):
    """A handler that says what the test wants it to, and notes what it was told."""

    answer: Exception | None = None
    welcome: Exception | None = None

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def on_seen(self, no: str) -> None:
        self.told.append(("seen", no))
        if self.welcome:
            raise self.welcome

    def on_failed(self, no: str) -> None:
        self.told.append(("failed", no))

    def on_confirmed(self, payment: ConfirmedPayment) -> None:
        credit_index_account(payment.client_id, payment.amount, payment.reference)
        if self.answer:
            raise self.answer


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Moody:
    found = Moody()
    monkeypatch.setitem(handlers._handlers, FUND, found)
    return found


def test_a_refused_payment_goes_to_the_index_account(payer: Payer, moody: Moody) -> None:
    moody.answer = Refused("Sold out.", "sold_out")
    order = payer.order("10", FUND)
    payer.claim(order, payer.pay("10"))
    assert confirm() == 1
    assert (status(order), payer.balance) == ((3, "sold_out"), 10)
    assert ChainTransfer.objects.get().booked_as == "deposit"
    assert_books_agree()


def test_a_payment_that_must_wait_is_tried_again(payer: Payer, moody: Moody) -> None:
    moody.answer = Later()
    order, deposit = payer.order("10", FUND), payer.order("20", DEPOSIT)
    payer.claim(order, payer.pay("10"))
    payer.pay("20")
    assert confirm() == 1
    assert (status(order), status(deposit), payer.balance) == ((1, ""), (2, ""), 20)
    moody.answer = None
    assert sweep() == 1
    assert (status(order), payer.balance) == ((2, ""), 30)
    assert ChainTransfer.objects.order_by("id")[0].booked_as == "fund"
    assert_books_agree()


def test_a_payment_is_seen_once_and_long_before_it_is_deep(payer: Payer, moody: Moody) -> None:
    order = payer.order("10", FUND)
    payer.claim(order, payer.pay("10"))
    sweep()
    sweep()
    assert (status(order), moody.told) == ((1, ""), [("seen", order.no)])
    confirm()
    assert (status(order), moody.told) == ((2, ""), [("seen", order.no)])


def test_an_order_refused_at_sight_fails_at_once(payer: Payer, moody: Moody) -> None:
    moody.welcome = Refused("Sold out.", "sold_out")
    order = payer.order("10", FUND)
    tx_hash = payer.pay("10")
    sweep()
    assert (status(order), payer.balance) == ((3, "sold_out"), 0)
    order.refresh_from_db()
    assert order.tx_hash == tx_hash
    confirm()
    assert (status(order), payer.balance) == ((3, "sold_out"), 10)
    assert moody.told == [("seen", order.no)]
    assert_books_agree()


def test_what_was_seen_and_is_refused_has_failed(payer: Payer, moody: Moody) -> None:
    moody.answer = Refused("No.", "no")
    order = payer.order("10", FUND)
    payer.pay("10")
    sweep()
    confirm()
    assert (status(order), payer.balance) == ((3, "no"), 10)
    assert moody.told == [("seen", order.no), ("failed", order.no)]


def test_a_replaced_block_takes_the_sight_away(chain: Node, payer: Payer, moody: Moody) -> None:
    order = payer.order("10", FUND)
    sweep()
    snapshot = chain.call("evm_snapshot")
    payer.pay("10")
    sweep()
    assert chain.call("evm_revert", snapshot)
    development.mine(5)
    sweep()
    sweep()
    assert (transfers(), moody.told) == (["orphaned"], [("seen", order.no), ("failed", order.no)])
    payer.claim(order, payer.pay("10"))
    sweep()
    confirm()
    assert status(order) == (2, "")
    assert moody.told[2:] == [("seen", order.no)]


def test_a_claim_takes_a_payment_over_from_an_order_that_has_none(payer: Payer, moody: Moody) -> None:
    first = payer.order("10", FUND)
    tx_hash = payer.pay("10")
    sweep()
    second = payer.order("10", FUND)
    sweep()
    assert moody.told == [("seen", first.no)]
    payer.claim(second, tx_hash)
    sweep()
    assert moody.told[1:] == [("failed", first.no), ("seen", second.no)]
    confirm()
    assert (status(first), status(second), len(moody.told)) == ((0, ""), (2, ""), 3)


def test_an_order_prepared_later_does_not_make_a_seen_payment_doubtful(payer: Payer, moody: Moody) -> None:
    first = payer.order("10", FUND)
    payer.pay("10")
    sweep()
    second = payer.order("10", FUND)
    assert confirm() == 1
    assert (status(first), status(second), moody.told) == ((2, ""), (0, ""), [("seen", first.no)])


def test_a_failing_payment_stops_no_other(payer: Payer, moody: Moody) -> None:
    moody.answer = RuntimeError("unforeseen")
    payer.order("10", FUND)
    payer.pay("10")
    payer.pay("20")
    assert confirm() == 1
    assert (payer.balance, transfers()) == (20, ["seen", "booked"])
    assert_books_agree()
