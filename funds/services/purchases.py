"""Buying: a pre-order that reserves nothing, and what its payment does."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common import order_numbers, sql
from common.errors import Invalid, Refused, not_found
from common.times import add_months
from funds import queries, rules
from funds.locks import lock_order_of_payment, lock_product
from funds.models import FundOrder
from ledger.accounts import PlatformAccount, fund_principal
from ledger.services import Kind, Posting, post
from operations.halts import Kind as HaltKind
from operations.halts import refuse_halted
from payments import services as payments
from payments.handlers import ConfirmedPayment, PaymentHandler

SOLD_OUT = _("This fund has not so much volume left.")


@transaction.atomic
def place_purchase(*, client_id: int, product_id: int, months: int | None, volume: int) -> FundOrder:
    """A pre-order of `volume` units at today's terms, to be paid like a deposit; nothing is reserved.

    `months` is one of the product's periods, by default the shortest. Raises Invalid (`not_found` unless on sale,
    `invalid` where it has no such period, `below_minimum`), Refused `sold_out` or `halted`.
    """
    refuse_halted(HaltKind.DEPOSIT)
    product = queries.on_sale().filter(id=product_id).first()
    if product is None:
        raise not_found()
    periods = {period.months: period for period in product.periods.all()}
    period = periods.get(min(periods) if months is None else months)
    if period is None:
        offered = ", ".join(str(found) for found in sorted(periods))
        raise Invalid({"period": [_("One of: %(choices)s.") % {"choices": offered}]})
    if volume > product.remain_volume:
        raise Refused(SOLD_OUT, "sold_out")
    amount = rules.amount(product.unit_price, volume)
    payment = payments.create_order(client_id=client_id, purpose=order_numbers.FUND, amount=amount)
    return FundOrder.objects.create(
        payment=payment,
        client_id=client_id,
        product=product,
        months=period.months,
        profit=period.profit,
        early_fee_rate=product.early_fee_rate,
        unit_price=product.unit_price,
        volume=volume,
        amount=amount,
        taken=False,
        fee=0,
    )


class FundPayments(PaymentHandler):
    """What a payment of a fund order (JZGM) does, in the payment's own transaction."""

    def on_seen(self, no: str) -> None:
        """Takes the order's volume. Raises Refused `sold_out`."""
        order = lock_order_of_payment(no)
        if order.taken:
            return
        product = lock_product(order.product_id)
        if order.volume > product.remain_volume:
            raise Refused(SOLD_OUT, "sold_out")
        product.taken_volume += order.volume
        product.save(update_fields=["taken_volume"])
        order.taken = True
        order.save(update_fields=["taken"])

    def on_failed(self, no: str) -> None:
        """Gives the order's volume back."""
        order = lock_order_of_payment(no)
        if not order.taken:
            return
        product = lock_product(order.product_id)
        product.taken_volume -= order.volume
        product.save(update_fields=["taken_volume"])
        order.taken = False
        order.save(update_fields=["taken"])

    def on_confirmed(self, payment: ConfirmedPayment) -> None:
        """Books the principal; the period runs from this moment."""
        order = lock_order_of_payment(payment.no)
        order.started_at = sql.database_time()
        order.matures_at = add_months(order.started_at, order.months)
        order.save(update_fields=["started_at", "matures_at"])
        principal = fund_principal(payment.client_id)
        post([Posting(PlatformAccount.CUSTODY, principal, payment.amount, Kind.FUND, payment.reference)])
