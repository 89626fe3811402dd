"""Positions, orders and markets as the API and the socket write them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from common import public_ids
from common.http.envelope import envelope
from common.money import divide, format_money, format_price, format_ratio
from common.times import format_time
from contracts import queries, rules
from contracts.errors import SENTENCES
from contracts.models import DIRECTION_WORDS, Fill, Order, Position
from contracts.queries import Market
from contracts.services.quotes import Quote
from indexes.models import Index


def index_brief(index: Index) -> dict[str, Any]:
    return {"id": public_ids.encode(index.id), "title": index.title, "sub_title": index.sub_title}


def position(row: Position, prices: Mapping[int, Decimal | None]) -> dict[str, Any]:
    """A position at the last price of its index (W3 and `contract/positions`)."""
    profit = queries.unrealised(row, prices.get(row.index_id))
    return {
        "id": public_ids.encode(row.id),
        "direction": DIRECTION_WORDS[row.direction],
        "position_volume": row.volume,
        "open_price": format_price(rules.open_price(row.stake, row.terms)),
        "liquidation_price": format_price(row.liquidation_price),
        "position_amount": format_money(row.margin),
        "profit_unreal": format_money(profit),
        "profit_rate": format_ratio(rules.profit_rate(profit, row.stake)),
        "lever": row.lever,
        "index": index_brief(row.index),
        "take_profit": _price_or_none(row.take_profit),
        "stop_loss": _price_or_none(row.stop_loss),
        "closing": row.mark or None,
    }


def quote(row: Quote) -> dict[str, Any]:
    """`contract/order/quote`; `reason` and `message` say why this order would not be filled now."""
    return {
        "price": format_price(row.price),
        "margin": format_money(row.margin),
        "fee": format_money(row.fee),
        "hold": format_money(row.hold),
        "liquidation_price": format_price(row.liquidation_price),
        "max_volume": row.max_volume,
        "reason": row.reason,
        "message": str(SENTENCES[row.reason]) if row.reason else None,
    }


def position_log(row: Position) -> dict[str, Any]:
    """A position of which something was closed: averages of what was opened and closed, and what came of it."""
    closed = row.opened_volume - row.volume
    return {
        "id": public_ids.encode(row.id),
        "direction": DIRECTION_WORDS[row.direction],
        "volume": closed,
        "position_volume": row.volume,
        "open_price": format_price(_average(row.opened_notional, row.opened_volume, row)),
        "close_price": format_price(_average(row.closed_notional, closed, row)),
        "profit": format_money(row.profit),
        "fee": format_money(row.fees),
        "reason": row.close_kind,
        "lever": row.lever,
        "opened_at": format_time(row.opened_at),
        "closed_at": None if row.closed_at is None else format_time(row.closed_at),
        "index": index_brief(row.index),
    }


def fill(row: Fill) -> dict[str, Any]:
    """A row of `contract/fill/logs`. `fee` has the liquidation fee in it; an open's profit is 0."""
    return {
        "id": public_ids.encode(row.id),
        "order_id": None if row.order_id is None else public_ids.encode(row.order_id),
        "position_id": public_ids.encode(row.position_id),
        "direction": DIRECTION_WORDS[row.direction],
        "kind": row.kind,
        "volume": row.volume,
        "price": format_price(row.price),
        "notional": format_money(row.notional),
        "fee": format_money(row.fee + row.liquidation_fee),
        "profit": format_money(row.profit),
        "created_at": format_time(row.created_at),
        "index": index_brief(row.index),
    }


def _average(notional: Decimal, volume: int, row: Position) -> Decimal:
    return divide(notional, rules.quantity(volume, row.terms))


def _price_or_none(price: Decimal | None) -> str | None:
    return None if price is None else format_price(price)


def order(row: Order) -> dict[str, Any]:
    """A row of `contract/orders`; `fee` is what is held while it waits and what was charged when filled."""
    return {
        "id": public_ids.encode(row.id),
        "direction": DIRECTION_WORDS[row.direction],
        "volume": row.volume,
        "trade_volume": row.filled_volume,
        "price_type": row.price_type,
        "fee": format_money(row.fee),
        "created_at": format_time(row.created_at),
        "lever": row.lever,
        "index": index_brief(row.index),
        "price": _price_or_none(row.price),
        "status": row.status,
        "reason": row.reason or None,
        "kind": row.kind,
        "fill_price": _price_or_none(row.fill_price),
    }


def listed_order(row: Order) -> dict[str, Any]:
    """The same with the reason's sentence in the reader's language, which a push does not know."""
    return {**order(row), "message": str(SENTENCES[row.reason]) if row.reason in SENTENCES else None}


def market(row: Market) -> dict[str, Any]:
    """`contract/index/market`."""
    return {
        "last_price": format_price(row.last_price),
        "open_price": format_price(row.open_price),
        "quote_change": format_ratio(row.quote_change),
        "today_high": format_price(row.high),
        "today_low": format_price(row.low),
        "trade_volume": row.trade_volume,
        "position_volume": row.position_volume,
        "stale": row.stale,
    }


def market_name(index_id: int) -> str:
    """Under what name the engine leaves `market_answer` for the web processes."""
    return f"market:{index_id}"


def market_answer(row: Market) -> bytes:
    """The whole answer of `contract/index/market`."""
    return orjson.dumps(envelope("", market(row)))


def pushed_market(row: Market) -> dict[str, Any]:
    """The same for the socket, where the last price is a number (W2)."""
    return {**market(row), "last_price": float(row.last_price)}


def listed_index(row: Index, found: Market | None, halts: list[str]) -> dict[str, Any]:
    """A row of `contract/indexes`."""
    return {
        "id": public_ids.encode(row.id),
        "title": row.title,
        "sub_title": row.sub_title,
        "lever": row.lever,
        "code": row.code,
        "quote_change": format_ratio(found.quote_change) if found else "0",
        "contract_size": format_price(row.contract_size),
        "decimals": row.decimals,
        "fee_rate": format_rate(row.fee_rate),
        "mmr": format_rate(row.mmr),
        "limits": {
            "max_order_volume": row.max_order_volume,
            "max_position_volume": row.max_position_volume,
            "max_open_interest": format_money(row.max_open_interest),
        },
        "stale": found.stale if found else True,
        "simulated": found.simulated if found else False,
        "halts": halts,
    }


def format_rate(value: Decimal) -> str:
    """A rate with all its decimals, without trailing zeros."""
    return f"{value.normalize():f}"
