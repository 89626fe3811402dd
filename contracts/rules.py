"""The contract's formulas: pure functions of Decimals, each standing once.

Quotes, executions and what is shown all use these. USDT and prices as in the spec: money 6 decimals, prices 4;
a price times a quantity (2 decimals) is exact in 6. `direction` is +1 for buy (long) and −1 for sell (short).
"""

from dataclasses import dataclass
from decimal import Decimal

from common.money import PRICE, ZERO, ceil, ceil6, divide, floor, floor6, multiply, round_ratio

BUY, SELL = 1, -1
SMALLEST_NOTIONAL = Decimal(1)
SMALLEST_PRICE = Decimal(1)
MARKET_HOLD = Decimal("1.01")
MOST_LIMIT_ORDERS = 50
NO_PRICE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """What a position is opened under, and keeps."""

    lever: int
    fee_rate: Decimal
    mmr: Decimal
    liquidation_fee_rate: Decimal
    max_profit_rate: Decimal
    contract_size: Decimal
    spread: Decimal


@dataclass(frozen=True, slots=True)
class Stake:
    """The money of a position or of a part of one: contracts, open notional, margin."""

    volume: int
    notional: Decimal
    margin: Decimal


@dataclass(frozen=True, slots=True)
class FeeShares:
    """A fee cut into the market pool's, the incentive pool's and revenue's share."""

    pool: Decimal
    incentive: Decimal
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a part does: the part, its exit notional, profit (negative: loss), fees and what returns."""

    part: Stake
    notional: Decimal
    profit: Decimal
    fee: Decimal
    liquidation_fee: Decimal
    returned: Decimal
    bound: Decimal


def quantity(volume: int, terms: Terms) -> Decimal:
    """Units of the index in a number of contracts."""
    return volume * terms.contract_size


def fill_price(tick: Decimal, side: int, spread: Decimal) -> Decimal:
    """tick × (1 ± spread / 2), 4 decimals: up for a buy-side fill, down for a sell-side one."""
    price = multiply(tick, 1 + side * spread / 2)
    return ceil(price, PRICE) if side > 0 else floor(price, PRICE)


def margin(notional: Decimal, terms: Terms) -> Decimal:
    """notional / lever, up."""
    return ceil6(divide(notional, Decimal(terms.lever)))


def fee(notional: Decimal, terms: Terms) -> Decimal:
    """notional × fee_rate, up."""
    return ceil6(multiply(notional, terms.fee_rate))


def split_fee(amount: Decimal, pool_share: Decimal, incentive_share: Decimal) -> FeeShares:
    """Shares down, the last takes the rest."""
    pool, incentive = floor6(multiply(amount, pool_share)), floor6(multiply(amount, incentive_share))
    return FeeShares(pool, incentive, amount - pool - incentive)


def bound(direction: int, stake: Stake, terms: Terms) -> Decimal:
    """Largest payable profit, which is what the pool reserves: down."""
    by_margin = multiply(terms.max_profit_rate, stake.margin)
    return floor6(by_margin if direction > 0 else min(by_margin, stake.notional))


def profit(direction: int, stake: Stake, terms: Terms, last: Decimal) -> Decimal:
    """`profit_unreal`: s × (last × q − on), at least −margin, at most the bound, down."""
    raw = floor6(direction * (last * quantity(stake.volume, terms) - stake.notional))
    return max(-stake.margin, min(bound(direction, stake, terms), raw))


def profit_rate(amount: Decimal, stake: Stake) -> Decimal:
    """profit / margin, 4 decimals, half away from zero."""
    return round_ratio(divide(amount, stake.margin))


def open_price(stake: Stake, terms: Terms) -> Decimal:
    """The averaged price, for display only; books keep the notional."""
    return divide(stake.notional, quantity(stake.volume, terms))


def liquidation_price(direction: int, stake: Stake, terms: Terms) -> Decimal:
    """The index price at which the margin just pays the fees of the exit. A buy's is 0 where there is none."""
    q, half = quantity(stake.volume, terms), terms.spread / 2
    cost = terms.mmr + terms.fee_rate
    if direction > 0:
        price = divide(stake.notional - stake.margin, multiply(q, 1 - cost, 1 - half))
        return max(ZERO, ceil(price, PRICE))
    return floor(divide(stake.notional + stake.margin, multiply(q, 1 + cost, 1 + half)), PRICE)


def cap_price(direction: int, stake: Stake, terms: Terms) -> Decimal:
    """The index price at which the profit reaches the bound. A sell's is 0 where there is none."""
    price = divide(stake.notional + direction * bound(direction, stake, terms), quantity(stake.volume, terms))
    return floor(price, PRICE) if direction > 0 else max(ZERO, ceil(price, PRICE))


def reached(direction: int, tick: Decimal, liquidation: Decimal, cap: Decimal) -> str:
    """What a tick decides about a position, bounds inclusive: `liquidation`, `cap` or nothing."""
    if direction * (tick - liquidation) <= 0:
        return "liquidation"
    if direction * (tick - cap) >= 0:
        return "cap"
    return ""


def hold_price(direction: int, last: Decimal, limit: Decimal | None) -> Decimal:
    """The price at which an order's hold is computed: a market order's at last × 1.01, a limit order's at its
    price, a sell's at no less than the last."""
    if limit is None:
        return ceil(last * MARKET_HOLD, PRICE)
    return limit if direction > 0 else max(limit, last)


def limit_reached(direction: int, price: Decimal, limit: Decimal) -> bool:
    """Whether a fill price is at or better than the limit."""
    return direction * (price - limit) <= 0


def part_of(direction: int, stake: Stake, volume: int) -> Stake:
    """The part of a position that closing `volume` contracts releases: margin down, notional against the client."""
    if volume == stake.volume:
        return stake
    share = divide(multiply(stake.notional, Decimal(volume)), Decimal(stake.volume))
    notional = ceil6(share) if direction > 0 else floor6(share)
    return Stake(volume, notional, floor6(divide(multiply(stake.margin, Decimal(volume)), Decimal(stake.volume))))


def remainder(stake: Stake, part: Stake) -> Stake:
    return Stake(stake.volume - part.volume, stake.notional - part.notional, stake.margin - part.margin)


def closing(
    direction: int, stake: Stake, terms: Terms, volume: int, tick: Decimal, *, liquidated: bool = False
) -> Closing:
    """Closing `volume` contracts at a tick: profit first, then the fee as far as the rest reaches, then, when
    liquidated, the liquidation fee; what remains returns to the client. Never less than nothing."""
    part = part_of(direction, stake, volume)
    notional = fill_price(tick, -direction, terms.spread) * quantity(volume, terms)
    rest = remainder(stake, part)
    released = bound(direction, stake, terms) - (bound(direction, rest, terms) if rest.volume else ZERO)
    gained = max(-part.margin, min(released, floor6(direction * (notional - part.notional))))
    equity = part.margin + gained
    paid = min(fee(notional, terms), equity)
    penalty = ZERO
    if liquidated:
        penalty = min(ceil6(multiply(notional, terms.liquidation_fee_rate)), equity - paid)
    return Closing(part, notional, gained, paid, penalty, equity - paid - penalty, released)
