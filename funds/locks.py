"""The client's available account first, then the order, then, where its volume changes, the product."""

from collections.abc import Iterable

from funds.models import FundOrder, Product
from ledger import services as ledger
from ledger.accounts import available


def lock_order(order: FundOrder) -> FundOrder:
    """Locks a fund order after its client, until the transaction ends; the order as it stands then."""
    ledger.lock([available(order.client_id)])
    return FundOrder.objects.select_for_update(of=("self",)).select_related("payment").get(id=order.id)


def lock_orders(orders: Iterable[FundOrder]) -> list[FundOrder]:
    """Locks fund orders after all their clients; as they stand then, in the order of their periods' ends."""
    found = list(orders)
    ledger.lock([available(order.client_id) for order in found])
    held = FundOrder.objects.select_for_update().filter(id__in=[order.id for order in found]).order_by("id")
    return sorted(held, key=lambda order: (order.matures_at, order.id))


def lock_order_of_payment(no: str) -> FundOrder:
    """Locks the fund order of a payment order, whose client is locked already."""
    return FundOrder.objects.select_for_update(of=("self",)).get(payment__no=no)


def lock_product(product_id: int) -> Product:
    """Locks a product last; as it stands then."""
    return Product.objects.select_for_update().get(id=product_id)
