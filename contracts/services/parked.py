"""Executions that kept failing: parked until an operator has them tried again."""

from collections.abc import Collection

from django.db import transaction

from contracts.models import MOST_ATTEMPTS, Order, Position


@transaction.atomic
def retry_parked(*, order_ids: Collection[int] = (), position_ids: Collection[int] = ()) -> int:
    """Has parked orders and marked positions tried again at the next tick; how many there were. A mark keeps its
    price; an order is judged anew."""
    orders = Order.objects.filter(id__in=order_ids, status=Order.Status.PENDING, attempts__gte=MOST_ATTEMPTS)
    positions = Position.objects.filter(id__in=position_ids, closed_at=None, attempts__gte=MOST_ATTEMPTS)
    return orders.update(attempts=0) + positions.update(attempts=0)
