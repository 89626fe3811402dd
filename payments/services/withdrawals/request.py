"""What a client does: asks for money to its own wallet."""

from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Client
from common import sql
from common.errors import Invalid, Refused
from common.money import trim
from common.order_numbers import WITHDRAWAL, new_number
from common.sockets import publish
from ledger import services as ledger
from ledger.accounts import available, withdrawal_hold
from ledger.channels import BALANCE
from ledger.services import Kind, Posting
from operations import halts
from payments import queries
from payments.channels import PAYMENTS
from payments.models import Withdrawal

_NUMBER_TRIES = 5


@transaction.atomic
def request_withdrawal(*, client_id: int, amount: Decimal) -> Withdrawal:
    """Holds `amount` USDT of the client's index account for a payout to its own address; the fee is part of it.

    Touches nothing but the client's own rows; a job approves or operators do. Raises Invalid `below_minimum`, and
    Refused `halted`, `withdrawal_limit` or `insufficient_balance`.
    """
    halts.refuse_halted(halts.Kind.WITHDRAW)
    if amount < settings.WITHDRAWAL_MINIMUM:
        sentence = _("The amount must be at least %(minimum)s USDT.") % {"minimum": trim(settings.WITHDRAWAL_MINIMUM)}
        raise Invalid({"amount": [sentence]}, reason="below_minimum")
    balance = ledger.lock([available(client_id)])[available(client_id)]
    if queries.withdrawals_today(client_id) >= settings.WITHDRAWALS_A_DAY:
        sentence = _("At most %(count)d withdrawals a day.") % {"count": settings.WITHDRAWALS_A_DAY}
        raise Refused(sentence, "withdrawal_limit")
    if balance < amount:
        raise Refused(_("The balance is not sufficient."), "insufficient_balance")
    withdrawal = create(
        client_id=client_id,
        address=Client.objects.get(id=client_id).address,
        amount=amount,
        fee=settings.WITHDRAWAL_FEE,
        needs_two=amount > settings.WITHDRAWAL_FOUR_EYES,
    )
    ledger.post(
        [
            Posting(
                available(client_id),
                withdrawal_hold(client_id),
                amount,
                Kind.WITHDRAWAL_HOLD,
                f"withdrawal:{withdrawal.no}",
            )
        ]
    )
    publish.after_commit([client_id], [PAYMENTS, BALANCE])
    return withdrawal


def create(**fields: object) -> Withdrawal:
    """The row, with a number of its own."""
    for attempt in range(1, _NUMBER_TRIES + 1):
        try:
            with transaction.atomic():
                usual = {"status": Withdrawal.Status.REVIEW, "reason": "", "automatic": False}
                row = {**usual, **fields, "no": new_number(WITHDRAWAL), "created_at": sql.database_time()}
                return Withdrawal.objects.create(**row)
        except IntegrityError:
            # Somebody took the same number in the same 10 microseconds.
            if attempt == _NUMBER_TRIES:
                raise
    raise AssertionError
