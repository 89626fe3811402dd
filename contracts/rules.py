"""The contract's formulas: pure functions of Decimals, each standing once.

Quotes, executions and what is shown all use these. USDT and prices as in the spec: money 6 decimals, prices 4;
a price times a quantity (2 decimals) is exact in 6. `direction` is +1 for buy (long) and −1 for sell (short).
"""

from dataclasses import dataclass, replace
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
class Protection:
    """The client's own triggers, index prices; None: none."""

    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FeeShares:
    """A fee cut into the market pool's, the incentive pool's and revenue's share."""

    pool: Decimal
    incentive: Decimal
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a part does: the part, its exit price and notional, profit (negative: loss), fees, what returns,
    and the bound that the pool no longer reserves."""

    part: Stake
    price: Decimal
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


def added_bound(direction: int, stake: Stake, added: Stake, terms: Terms) -> Decimal:
    """What opening `added` on top of an open stake (without contracts: none) reserves more."""
    before = bound(direction, stake, terms) if stake.volume else ZERO
    return bound(direction, together(stake, added), terms) - before


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


def reached(direction: int, tick: Decimal, stake: Stake, terms: Terms, protection: Protection) -> str:
    """What a tick decides about a position, bounds inclusive, the first of `liquidation`, `cap`, `stop_loss`,
    `take_profit`, or nothing. `protection` is what the tick may see of it."""
    if direction * (tick - liquidation_price(direction, stake, terms)) <= 0:
        return "liquidation"
    if direction * (tick - cap_price(direction, stake, terms)) >= 0:
        return "cap"
    if protection.stop_loss is not None and direction * (tick - protection.stop_loss) <= 0:
        return "stop_loss"
    if protection.take_profit is not None and direction * (tick - protection.take_profit) >= 0:
        return "take_profit"
    return ""


def triggers(direction: int, stake: Stake, terms: Terms, protection: Protection) -> tuple[Decimal, Decimal]:
    """The index prices at or below and at or above which `reached` may say something; the database finds by them."""
    losing, winning = liquidation_price(direction, stake, terms), cap_price(direction, stake, terms)
    stop, take = protection.stop_loss, protection.take_profit
    if direction > 0:
        return (losing if stop is None else max(losing, stop)), (winning if take is None else min(winning, take))
    return (winning if take is None else max(winning, take)), (losing if stop is None else min(losing, stop))


def protection_reached(direction: int, last: Decimal, protection: Protection) -> bool:
    """Whether a price is at or beyond one of the client's triggers already."""
    stop, take = protection.stop_loss, protection.take_profit
    return (stop is not None and direction * (last - stop) <= 0) or (
        take is not None and direction * (last - take) >= 0
    )


def opening(volume: int, price: Decimal, terms: Terms) -> Stake:
    """What opening `volume` contracts at a fill price makes: notional exact, margin up."""
    notional = price * quantity(volume, terms)
    return Stake(volume, notional, margin(notional, terms))


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


def together(stake: Stake, added: Stake) -> Stake:
    """A position after an open: sums, which averages the price."""
    return Stake(stake.volume + added.volume, stake.notional + added.notional, stake.margin + added.margin)


def remainder(stake: Stake, part: Stake) -> Stake:
    return Stake(stake.volume - part.volume, stake.notional - part.notional, stake.margin - part.margin)


def closing(direction: int, stake: Stake, terms: Terms, volume: int, tick: Decimal, *, kind: str = "close") -> Closing:
    """Closing `volume` contracts at a tick: profit first, then the fee as far as the rest reaches, then, by
    `liquidation`, the liquidation fee; what remains returns to the client. Never less than nothing. A `pool_exit` is
    not the client's doing: it has neither spread nor fee."""
    if kind == "pool_exit":
        terms = replace(terms, spread=ZERO, fee_rate=ZERO)
    part = part_of(direction, stake, volume)
    price = fill_price(tick, -direction, terms.spread)
    notional = price * quantity(volume, terms)
    rest = remainder(stake, part)
    released = bound(direction, stake, terms) - (bound(direction, rest, terms) if rest.volume else ZERO)
    gained = max(-part.margin, min(released, floor6(direction * (notional - part.notional))))
    equity = part.margin + gained
    paid = min(fee(notional, terms), equity)
    penalty = ZERO
    if kind == "liquidation":
        penalty = min(ceil6(multiply(notional, terms.liquidation_fee_rate)), equity - paid)
    return Closing(part, price, notional, gained, paid, penalty, equity - paid - penalty, released)
