"""Matches payments to the orders they pay as soon as they stand in a block, long before they are deep enough.

What an order's purpose takes with it (a fund's volume) it takes here, in the order of the chain.
"""

from collections.abc import Sequence
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.queries import client_by_address
from common import sql
from common.errors import Refused
from common.sockets import publish
from ledger import services as ledger
from ledger.accounts import available
from payments import handlers, rules
from payments.channels import PAYMENTS
from payments.models import ChainTransfer, PaymentOrder

log = structlog.get_logger(__name__)

OrderStatus = PaymentOrder.Status
Status = ChainTransfer.Status


def notice() -> None:
    """Brings every transfer that is not booked and its order together or apart, each in a transaction of its own."""
    unbooked = Q(status=Status.SEEN) | Q(status=Status.ORPHANED, order__isnull=False)
    found = ChainTransfer.objects.filter(unbooked, chain_id=settings.CHAIN_ID)
    for transfer in found.order_by("block_number", "log_index"):
        try:
            _notice(transfer)
        except Exception:
            log.exception("payment_not_noticed", transfer=str(transfer))


def open_orders(client_id: int, amount: Decimal) -> QuerySet[PaymentOrder]:
    """A client's orders that a payment of `amount` may pay, oldest first."""
    waiting = [OrderStatus.UNPAID, OrderStatus.CONFIRMING]
    return PaymentOrder.objects.filter(client_id=client_id, status__in=waiting, amount=amount).order_by("id")


def match(transfer: ChainTransfer, orders: Sequence[PaymentOrder]) -> None:
    """Sets the order that the transfer pays, if it is one alone, and tells those concerned.

    `orders` are the payer's open ones of its amount; they, the client and the transfer are locked.
    """
    order = _paid_by(transfer, orders)
    if transfer.order is not None and transfer.order != order:
        give_up(transfer)
    if order is None or transfer.order == order:
        return
    try:
        with transaction.atomic():
            handlers.handler(order.purpose).on_seen(order.no)
    except Refused as refusal:
        order.status, order.reason = OrderStatus.FAILED, refusal.reason
        order.tx_hash, order.finished_at = transfer.tx_hash, sql.database_time()
        order.save(update_fields=["status", "reason", "tx_hash", "finished_at"])
        publish.after_commit([order.client_id], [PAYMENTS])
    else:
        transfer.order = order
        transfer.save(update_fields=["order"])


def give_up(transfer: ChainTransfer) -> None:
    """Parts a transfer from the order it was seen for, which may be over already."""
    order = transfer.order
    if order is not None:
        handlers.handler(order.purpose).on_failed(order.no)
        transfer.order = None
        transfer.save(update_fields=["order"])


def _paid_by(transfer: ChainTransfer, orders: Sequence[PaymentOrder]) -> PaymentOrder | None:
    if transfer.status != Status.SEEN:
        return None
    found = rules.fitting(orders, transfer.tx_hash, transfer.block_time, transfer.order_id)
    return found[0] if len(found) == 1 else None


def _notice(seen: ChainTransfer) -> None:
    client = client_by_address(seen.sender)
    if client is None or seen.sender == settings.CHAIN_TREASURY_ADDRESS:
        return
    order = _paid_by(seen, list(open_orders(client.id, seen.amount)))
    if (order and order.id) == seen.order_id:
        # Nothing is locked where nothing has changed, which is almost always.
        return
    with transaction.atomic():
        ledger.lock([available(client.id)])
        orders = list(open_orders(client.id, seen.amount).select_for_update())
        transfer = ChainTransfer.objects.select_for_update().get(id=seen.id)
        if transfer.status in (Status.SEEN, Status.ORPHANED) and transfer.amount == seen.amount:
            match(transfer, orders)
