"""Money for a client's index account: what a deposit is for, and where every payment goes that fits no order."""

from decimal import Decimal

from ledger.accounts import PlatformAccount, available
from ledger.services import Kind, Posting, post
from payments.handlers import ConfirmedPayment, PaymentHandler


def credit_index_account(client_id: int, amount: Decimal, reference: str) -> None:
    """Books a payment to the client's available account."""
    post([Posting(PlatformAccount.CUSTODY, available(client_id), amount, Kind.DEPOSIT, reference)])


class DepositPayments(PaymentHandler):
    """What a confirmed deposit (ZHCZ) does."""

    def on_confirmed(self, payment: ConfirmedPayment) -> None:
        credit_index_account(payment.client_id, payment.amount, payment.reference)
