"""What an order would come to, by the code that accepts and executes it. Nothing is promised and nothing changes."""

from dataclasses import dataclass
from decimal import Decimal

from common.money import ZERO
from contracts import rules
from contracts.errors import refused
from contracts.fees import fee_shares
from contracts.services.context import Context, Hold, check_price, hold_of, objection, read_context
from market_making.book import PoolBook


@dataclass(frozen=True, slots=True)
class Quote:
    """An order at the price it would fill at now (a limit's own): its margin and fee, what it would put on hold
    (USDT), and the liquidation price of the position it would make or add to (0: none).

    `max_volume` is the largest volume that would be accepted and filled now; `reason` is why this one would not.
    """

    price: Decimal
    margin: Decimal
    fee: Decimal
    hold: Decimal
    liquidation_price: Decimal
    max_volume: int
    reason: str | None


def quote(*, client_id: int, index_id: int, direction: int, volume: int, limit: Decimal | None = None) -> Quote:
    """Judges an order without placing it. Raises Invalid (`not_found`, a price finer than the index) and Refused
    (`stale`: the index has never had a price)."""
    context = read_context(client_id=client_id, index_id=index_id, direction=direction, lock=False)
    check_price(context, "price", limit)
    if context.last is None:
        raise refused("stale")
    book, terms = PoolBook.read(), context.terms
    price = limit or rules.fill_price(context.last, direction, terms.spread)
    added = rules.opening(volume, price, terms)
    hold = hold_of(context, direction, volume, limit)
    return Quote(
        price=price,
        margin=added.margin,
        fee=rules.fee(added.notional, terms),
        hold=hold.total,
        liquidation_price=rules.liquidation_price(direction, rules.together(context.stake, added), terms),
        max_volume=_max_volume(book, context, index_id, direction, limit, price),
        reason=_reason(book, context, index_id, direction, volume, limit, price),
    )


def _reason(
    book: PoolBook, context: Context, index_id: int, direction: int, volume: int, limit: Decimal | None, price: Decimal
) -> str | None:
    hold = hold_of(context, direction, volume, limit)
    return objection(context, volume, limit, hold) or _pool_objection(book, context, index_id, direction, volume, price)


def _pool_objection(
    book: PoolBook, context: Context, index_id: int, direction: int, volume: int, price: Decimal
) -> str | None:
    """What limits and gate would say, were the order filled now."""
    assert context.last is not None
    added = rules.opening(volume, price, context.terms)
    return book.objection(
        index_id=index_id,
        direction=direction,
        tick=context.last,
        quantity=rules.quantity(volume, context.terms),
        bound=rules.added_bound(direction, context.stake, added, context.terms),
        fee_share=fee_shares(rules.fee(added.notional, context.terms)).pool,
        max_open_interest=context.max_open_interest,
    )


def _max_volume(
    book: PoolBook, context: Context, index_id: int, direction: int, limit: Decimal | None, price: Decimal
) -> int:
    """Every limit but the smallest order grows with the volume, so the largest volume is found by halving."""
    if objection(context, 0, limit, Hold(price, rules.SMALLEST_NOTIONAL, ZERO, ZERO)):
        return 0

    def accepted(volume: int) -> bool:
        return (
            hold_of(context, direction, volume, limit).total <= context.available
            and _pool_objection(book, context, index_id, direction, volume, price) is None
        )

    low, high = 0, min(context.max_order_volume, context.max_position_volume - context.stake.volume)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle - 1)
    return low if low and _reason(book, context, index_id, direction, low, limit, price) is None else 0
