"""What payments push: a client's own payment orders and how deep their transfers are."""

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from common.money import format_money
from common.sockets import registry
from common.times import format_time, unix
from payments import queries
from payments.handlers import PURPOSES
from payments.models import PaymentOrder, Withdrawal

PAYMENTS = "payments"


@dataclass(frozen=True, slots=True)
class Progress:
    """A payment order, and the blocks above the transfer that pays it."""

    order: PaymentOrder
    confirmations: int


class PaymentsChannel:
    """`payments`: orders and withdrawals that are open or ended within a day, newest first.

    Pushed with every block that counts and every step of a withdrawal.
    """

    name = PAYMENTS
    follows_ticks = False

    def load(self, client_id: int) -> list[Progress | Withdrawal]:
        orders = queries.recent_orders(client_id)
        depths = queries.confirmations(client_id, orders)
        paid: list[Progress | Withdrawal] = [Progress(order, depths.get(order.id, 0)) for order in orders]
        return list(heapq.merge(paid, queries.recent_withdrawals(client_id), key=_created, reverse=True))

    def render(self, state: list[Progress | Withdrawal], prices: Mapping[int, Decimal]) -> list[dict[str, Any]]:
        return [withdrawal_row(row) if isinstance(row, Withdrawal) else payment_row(row) for row in state]

    def touched(self, state: list[Progress | Withdrawal], changed: Collection[int]) -> bool:
        return False


def _created(row: Progress | Withdrawal) -> datetime:
    return row.created_at if isinstance(row, Withdrawal) else row.order.created_at


def withdrawal_row(withdrawal: Withdrawal) -> dict[str, Any]:
    """A withdrawal as clients see it; `purpose` tells it from a payment, whose status is a number."""
    return {
        "no": withdrawal.no,
        "purpose": "withdrawal",
        "amount": format_money(withdrawal.amount),
        "fee": format_money(withdrawal.fee),
        "arrival": format_money(withdrawal.amount - withdrawal.fee),
        "address": withdrawal.address,
        "status": withdrawal.status,
        "reason": withdrawal.reason or None,
        "tx_hash": withdrawal.tx_hash or getattr(withdrawal, "newest_hash", None),
        "created_at": format_time(withdrawal.created_at),
    }


def payment_row(progress: Progress) -> dict[str, Any]:
    """A payment order as clients see it."""
    order = progress.order
    return {
        "no": order.no,
        "purpose": PURPOSES[order.purpose],
        "amount": format_money(order.amount),
        "status": order.status,
        "reason": order.reason or None,
        "tx_hash": order.tx_hash,
        "confirmations": progress.confirmations,
        "confirmations_needed": settings.CHAIN_CONFIRMATIONS,
        "created_at": format_time(order.created_at),
        "expired_at": unix(order.expires_at),
    }


def register() -> None:
    registry.private(PaymentsChannel())
