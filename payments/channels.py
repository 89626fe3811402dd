"""What payments push: a client's own payment orders and how deep their transfers are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from common.money import format_money
from common.sockets import registry
from common.times import format_time, unix
from payments import queries
from payments.handlers import PURPOSES
from payments.models import PaymentOrder

PAYMENTS = "payments"


@dataclass(frozen=True, slots=True)
class Progress:
    """A payment order, and the blocks above the transfer that pays it."""

    order: PaymentOrder
    confirmations: int


class PaymentsChannel:
    """`payments`: orders that are open or ended within a day, newest first; pushed with every block that counts."""

    name = PAYMENTS
    follows_ticks = False

    def load(self, client_id: int) -> list[Progress]:
        orders = queries.recent_orders(client_id)
        depths = queries.confirmations(client_id, orders)
        return [Progress(order, depths.get(order.id, 0)) for order in orders]

    def render(self, state: list[Progress], prices: Mapping[int, Decimal]) -> list[dict[str, Any]]:
        return [_row(progress) for progress in state]

    def touched(self, state: list[Progress], changed: Collection[int]) -> bool:
        return False


def _row(progress: Progress) -> dict[str, Any]:
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
