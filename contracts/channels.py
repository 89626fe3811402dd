"""What contracts push: candles and market of each index, and a client's own positions, orders and fills."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from common.sockets import registry
from contracts import present, queries
from contracts.models import Fill, Order, Position
from indexes.models import Index

POSITIONS, ORDERS, ENDED_ORDERS, FILLS = "index.positions", "orders", "orders.ended", "fills"
# What an execution changes for its client, but for its balance.
CLIENT_CHANNELS = (POSITIONS, ORDERS, ENDED_ORDERS, FILLS)
# How many of the newest a channel of history shows.
NEWEST = 20


class PositionsChannel:
    """`index.positions`: read when something of the client's changed, computed anew at each tick."""

    name = POSITIONS
    follows_ticks = True

    def load(self, client_id: int) -> list[Position]:
        return list(queries.open_positions(client_id))

    def render(self, state: list[Position], prices: Mapping[int, Decimal]) -> list[Any]:
        # Until the next tick comes in, the price that was read with the positions.
        known = {row.index_id: row.index.state.last_price for row in state} | dict(prices)
        return [present.position(row, known) for row in state]

    def touched(self, state: list[Position], changed: Collection[int]) -> bool:
        return any(row.index_id in changed for row in state)


class OrdersChannel:
    """`orders`: those that wait, all of them."""

    name = ORDERS
    follows_ticks = False

    def load(self, client_id: int) -> list[Order]:
        return list(queries.orders(client_id, Order.Status.PENDING))

    def render(self, state: list[Order], prices: Mapping[int, Decimal]) -> list[Any]:
        return [present.order(row) for row in state]

    def touched(self, state: list[Order], changed: Collection[int]) -> bool:
        return False


class EndedOrdersChannel:
    """`orders.ended`: the last that were filled, cancelled or refused, with the reason."""

    name = ENDED_ORDERS
    follows_ticks = False

    def load(self, client_id: int) -> list[Order]:
        return list(queries.ended_orders(client_id)[:NEWEST])

    def render(self, state: list[Order], prices: Mapping[int, Decimal]) -> list[Any]:
        return [present.order(row) for row in state]

    def touched(self, state: list[Order], changed: Collection[int]) -> bool:
        return False


class FillsChannel:
    """`fills`: the last executions, those that no order asked for (liquidation, stop-loss …) included."""

    name = FILLS
    follows_ticks = False

    def load(self, client_id: int) -> list[Fill]:
        return list(queries.fills(client_id)[:NEWEST])

    def render(self, state: list[Fill], prices: Mapping[int, Decimal]) -> list[Any]:
        return [present.fill(row) for row in state]

    def touched(self, state: list[Fill], changed: Collection[int]) -> bool:
        return False


def _listed(code: str) -> bool:
    return Index.objects.filter(code=code, enabled=True).exists()


def register() -> None:
    registry.public_prefix("index.kline.", _listed)
    registry.public_prefix("index.market.", _listed)
    registry.private(PositionsChannel())
    registry.private(OrdersChannel())
    registry.private(EndedOrdersChannel())
    registry.private(FillsChannel())
