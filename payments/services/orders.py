"""What clients do with orders: prepare one, and submit the transaction that pays it. And their expiry."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from chain.node import normalise_hash
from common import order_numbers, sql
from common.configuration import live
from common.errors import Invalid, Refused, not_found
from common.money import trim
from common.order_numbers import new_number
from common.sockets import publish
from operations import halts
from payments.channels import PAYMENTS
from payments.models import ChainTransfer, PaymentOrder

Status = PaymentOrder.Status

SMALLEST_PLEDGE = Decimal(10)
_NUMBER_TRIES = 5


def create_order(*, client_id: int, purpose: str, amount: Decimal) -> PaymentOrder:
    """An order of `amount` USDT, to be paid within `PAYMENT_ORDER_MINUTES`; nothing is reserved for it.

    `purpose` is the number's prefix. Raises Invalid `below_minimum`, Refused `halted`.
    """
    halts.refuse_halted(halts.Kind.DEPOSIT)
    smallest = SMALLEST_PLEDGE if purpose == order_numbers.PLEDGE else Decimal(live.MINIMUM_PAYMENT)
    if amount < smallest:
        sentence = _("The amount must be at least %(minimum)s USDT.") % {"minimum": trim(smallest)}
        raise Invalid({"amount": [sentence]}, reason="below_minimum")
    created_at = sql.database_time()
    for attempt in range(1, _NUMBER_TRIES + 1):
        try:
            with transaction.atomic():
                publish.after_commit([client_id], [PAYMENTS])
                return PaymentOrder.objects.create(
                    no=new_number(purpose),
                    client_id=client_id,
                    purpose=purpose,
                    amount=amount,
                    status=Status.UNPAID,
                    reason="",
                    created_at=created_at,
                    expires_at=created_at + timedelta(minutes=live.PAYMENT_ORDER_MINUTES),
                )
        except IntegrityError:
            # Somebody took the same number in the same 10 microseconds.
            if attempt == _NUMBER_TRIES:
                raise
    raise AssertionError


def claim(*, client_id: int, purpose: str, no: str, tx_hash: str) -> PaymentOrder:
    """Notes the transaction that the client says has paid its order; whether it has, the settlement finds out.

    `no` may be the digits alone. The same transaction again is no error; another may be named until the one before
    was seen on chain. Raises Invalid `not_found`, and Refused `order_confirmed`, `order_expired`, `order_failed` or
    `already_submitted`.
    """
    tx_hash = normalise_hash(tx_hash)
    number = purpose + no if no.isascii() and no.isdigit() else no
    with transaction.atomic():
        order = PaymentOrder.objects.select_for_update().filter(client_id=client_id, purpose=purpose, no=number).first()
        if order is None:
            raise not_found("no")
        if order.status == Status.FAILED:
            if order.reason == "expired":
                raise Refused(_("This order has expired."), "order_expired")
            raise Refused(_("This order has failed."), "order_failed")
        if order.tx_hash == tx_hash:
            return order
        if order.status == Status.CONFIRMED:
            raise Refused(_("This order has been paid already."), "order_confirmed")
        if order.tx_hash and _seen(order.tx_hash):
            raise Refused(_("Another transaction of this order is being confirmed."), "already_submitted")
        order.status = Status.CONFIRMING
        order.tx_hash = tx_hash
        order.claimed_at = order.checked_at = sql.database_time()
        order.save(update_fields=["status", "tx_hash", "claimed_at", "checked_at"])
        publish.after_commit([client_id], [PAYMENTS])
    return order


def expire() -> int:
    """Ends unpaid orders whose time is over; their number.

    A payment's time is its block's: an order ends once the scanner has passed its expiry, and not while a payment
    that came in time waits to be booked.
    """
    expired = sql.rows(
        """
        WITH due AS (
            SELECT o.id
            FROM payments_paymentorder AS o
            JOIN accounts_client AS c ON c.id = o.client_id
            JOIN payments_scancursor AS s ON s.chain_id = %s
            WHERE o.status = 0 AND o.expires_at < s.block_time AND NOT EXISTS (
                SELECT FROM payments_chaintransfer AS t
                WHERE t.sender = c.address AND t.amount = o.amount AND t.status = 'seen'
                    AND t.chain_id = %s AND t.block_time <= o.expires_at
            )
            ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
        )
        UPDATE payments_paymentorder AS o
        SET status = 3, reason = 'expired', finished_at = clock_timestamp()
        FROM due WHERE o.id = due.id AND o.status = 0
        RETURNING o.client_id
        """,
        [settings.CHAIN_ID, settings.CHAIN_ID],
    )
    publish.after_commit({client for (client,) in expired}, [PAYMENTS])
    return len(expired)


def _seen(tx_hash: str) -> bool:
    transfers = ChainTransfer.objects.filter(chain_id=settings.CHAIN_ID, tx_hash=tx_hash)
    return transfers.exclude(status=ChainTransfer.Status.ORPHANED).exists()
