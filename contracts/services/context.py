"""What an order is judged by before it is accepted; a quote is judged by the same."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from common import sql
from common.errors import Invalid, not_found
from common.money import ZERO
from contracts import rules
from contracts.rules import Stake, Terms


@dataclass(frozen=True, slots=True)
class Context:
    """An index as it stands and offers itself to one client in one direction. `stake` is the client's open position
    there, without contracts where it has none; `halted` is `open`, `all` or None."""

    available: Decimal
    decimals: int
    terms: Terms
    max_order_volume: int
    max_position_volume: int
    max_open_interest: Decimal
    last: Decimal | None
    stale: bool
    halted: str | None
    stake: Stake
    mark: str | None
    same_terms: bool
    limit_orders: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What an order puts on hold: margin and fee (USDT) of its volume at `price`."""

    price: Decimal
    notional: Decimal
    margin: Decimal
    fee: Decimal

    @property
    def total(self) -> Decimal:
        return self.margin + self.fee


def read_context(*, client_id: int, index_id: int, direction: int, lock: bool) -> Context:
    """The context as of now; with `lock`, the client's available account is held until the transaction ends.

    Raises Invalid `not_found` where no such index is listed.
    """
    row = sql.row(
        "SELECT * FROM contracts_order_context(%s, %s, %s::smallint, %s)", [client_id, index_id, direction, lock]
    )
    if row is None or not row[1]:
        raise not_found()
    available, _enabled, decimals = row[:3]
    max_order, max_position, max_interest, last, stale, halted = row[10:16]
    volume, notional, margin, mark, same_terms, limit_orders = row[16:]
    return Context(
        available=available,
        decimals=decimals,
        terms=Terms(*row[3:10]),
        max_order_volume=max_order,
        max_position_volume=max_position,
        max_open_interest=max_interest,
        last=last,
        stale=stale,
        halted=halted,
        stake=Stake(volume, notional, margin) if volume else Stake(0, ZERO, ZERO),
        mark=mark,
        same_terms=same_terms,
        limit_orders=limit_orders,
    )


def check_price(context: Context, field: str, price: Decimal | None) -> None:
    """Raises Invalid for a price finer than the index's."""
    if price is not None and price != round(price, context.decimals):
        raise Invalid({field: [_("At most %(decimals)s decimals.") % {"decimals": context.decimals}]})


def hold_of(context: Context, direction: int, volume: int, limit: Decimal | None) -> Hold:
    """What an order of this volume holds. The index must have a price."""
    assert context.last is not None
    price = rules.hold_price(direction, context.last, limit)
    notional = price * rules.quantity(volume, context.terms)
    return Hold(price, notional, rules.margin(notional, context.terms), rules.fee(notional, context.terms))


def objection(context: Context, volume: int, limit: Decimal | None, hold: Hold | None) -> str | None:
    """Why an order is not accepted now, the first of the reasons; None where it is. `hold` is None where the index
    has no price."""
    stake = context.stake
    if context.halted:
        return "halted"
    if context.stale or hold is None or context.last is None:
        return "stale"
    if context.mark:
        return "closing"
    if stake.volume and not context.same_terms:
        return "terms_changed"
    if volume > context.max_order_volume or volume + stake.volume > context.max_position_volume:
        return "volume_limit"
    if context.last < rules.SMALLEST_PRICE:
        return "index_price_too_low"
    if hold.notional < rules.SMALLEST_NOTIONAL:
        return "order_too_small"
    if limit is not None and context.limit_orders >= rules.MOST_LIMIT_ORDERS:
        return "too_many_orders"
    return "insufficient_balance" if hold.total > context.available else None
