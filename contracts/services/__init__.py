"""What a client may do with contracts. Each touches that client's accounts alone; the engine does the rest."""

from contracts.services.closes import close_position
from contracts.services.ending import cancel_order, expire_orders
from contracts.services.orders import PlacedOrder, place_order
from contracts.services.parked import retry_parked
from contracts.services.protection import protect_position
from contracts.services.quotes import Quote, quote

__all__ = [
    "PlacedOrder",
    "Quote",
    "cancel_order",
    "close_position",
    "expire_orders",
    "place_order",
    "protect_position",
    "quote",
    "retry_parked",
]
