"""Prices of constituents, of indexes, and where candles begin. Prices are USDT; times are unix seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from statistics import median

from common.money import CONTEXT, ZERO, divide, half_even, multiply, round_ratio

CLAMP = Decimal("0.03")
AGREEMENT = Decimal("0.99")
LARGEST_JUMP = Decimal("0.05")
CONFIRMATIONS = 3
# Above this a price is a venue's mistake, and would not fit the columns either.
PRICE_LIMIT = Decimal(10) ** 12

_DIVISOR = Context(prec=30, rounding=ROUND_HALF_EVEN)

INTERVALS = {
    "1min": 1,
    "5min": 2,
    "15min": 3,
    "30min": 4,
    "60min": 5,
    "4hour": 6,
    "1day": 7,
    "1week": 8,
    "1mon": 9,
}
INTERVAL_NAMES = {code: name for name, code in INTERVALS.items()}
MINUTE, DAY, WEEK, MONTH = INTERVALS["1min"], INTERVALS["1day"], INTERVALS["1week"], INTERVALS["1mon"]
_SECONDS = {1: 60, 2: 300, 3: 900, 4: 1800, 5: 3600, 6: 14400, 7: 86400, 8: 604800}
_SHANGHAI = 8 * 3600
# 1970-01-01 was a Thursday: the week's Monday lies three days before.
_MONDAY = 3 * 86400


def combine_prices(quotes: Iterable[Decimal], *, single: bool = False) -> Decimal | None:
    """A constituent's price from its venues' fresh quotes; None where they do not suffice. Not rounded.

    Three or more: the mean of quotes clamped to their median ± 3 %. Two: their mean, if the lower is at least 99 % of
    the higher. One: only where `single`.
    """
    prices = [price for price in quotes if is_possible(price)]
    if len(prices) >= 3:
        low, high = clamp_range(prices)
        prices = [min(max(price, low), high) for price in prices]
    elif len(prices) == 2:
        if min(prices) < multiply(AGREEMENT, max(prices)):
            return None
    elif not prices or not single:
        return None
    else:
        return prices[0]
    return _mean(prices)


def clamp_range(prices: Iterable[Decimal]) -> tuple[Decimal, Decimal]:
    """Median ± 3 %: the range that three or more quotes are clamped to."""
    middle = median(prices)
    return multiply(middle, 1 - CLAMP), multiply(middle, 1 + CLAMP)


def is_possible(price: Decimal) -> bool:
    """Whether it can be a price at all."""
    return price.is_finite() and ZERO < price < PRICE_LIMIT


def basket_worth(weights: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> Decimal:
    """Σ weight × price over the basket's symbols, with 80 digits."""
    return _sum(multiply(weight, prices[symbol]) for symbol, weight in weights.items())


def index_price(
    weights: Mapping[str, Decimal], prices: Mapping[str, Decimal], divisor: Decimal, decimals: int
) -> Decimal:
    """Σ weight × price / divisor, half to even to the index's decimals."""
    return half_even(divide(basket_worth(weights, prices), divisor), decimals)


def rebased_divisor(worth_before: Decimal, divisor: Decimal, worth_after: Decimal) -> Decimal:
    """The divisor under which a new basket is worth what the old one is; 30 significant digits, half to even."""
    return _DIVISOR.plus(divide(multiply(worth_after, divisor), worth_before))


def jump_limit(lever: int) -> Decimal:
    """The largest relative move of one tick that needs no confirmation: min(5 %, 0.5 / lever)."""
    return min(LARGEST_JUMP, divide(Decimal("0.5"), Decimal(lever)))


@dataclass(frozen=True, slots=True)
class Jump:
    """A price that waits to be confirmed, and by how many following ticks it was."""

    price: Decimal
    confirmed: int = 0


def judge_jump(
    price: Decimal, *, last: Decimal | None, waiting: Jump | None, limit: Decimal
) -> tuple[bool, Jump | None]:
    """Whether a tick counts, and the jump that waits afterwards.

    A move of more than `limit` from the last price waits until three following ticks within `limit` of it confirm
    it; the third one counts. One that is near neither starts anew.
    """
    if last is None or _near(price, last, limit):
        return True, None
    if waiting is None or not _near(price, waiting.price, limit):
        return False, Jump(price)
    if waiting.confirmed + 1 == CONFIRMATIONS:
        return True, None
    return False, Jump(waiting.price, waiting.confirmed + 1)


def quote_change(last: Decimal, opened: Decimal) -> Decimal:
    """last / open − 1, 4 decimals, half away from zero."""
    return round_ratio(divide(last, opened) - 1)


def bucket_start(interval: int, moment: int) -> int:
    """When the candle that contains `moment` began. Asia/Shanghai; weeks from Monday, months from the 1st."""
    local = moment + _SHANGHAI
    if interval == MONTH:
        day = local // 86400
        return (day - _day_of_month(day) + 1) * 86400 - _SHANGHAI
    if interval == WEEK:
        local += _MONDAY
        return local - local % _SECONDS[WEEK] - _MONDAY - _SHANGHAI
    return moment - local % _SECONDS[interval]


def next_bucket(interval: int, start: int) -> int:
    """When the candle after the one that began at `start` begins."""
    if interval == MONTH:
        return bucket_start(MONTH, start + 32 * 86400)
    return start + _SECONDS[interval]


def buckets_within(interval: int, start: int, end: int) -> list[int]:
    """The candles that begin in [start, end), oldest first."""
    found = bucket_start(interval, start)
    if found < start:
        found = next_bucket(interval, found)
    if interval != MONTH:
        return list(range(found, end, _SECONDS[interval]))
    months = []
    while found < end:
        months.append(found)
        found = next_bucket(MONTH, found)
    return months


def _day_of_month(day: int) -> int:
    """1 to 31, of a day counted from 1970-01-01. Years are counted from March, so that a leap day comes last."""
    since = (day + 719468) % 146097
    year = (since - since // 1460 + since // 36524 - since // 146096) // 365
    of_year = since - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return of_year - (153 * month + 2) // 5 + 1


def _near(price: Decimal, other: Decimal, limit: Decimal) -> bool:
    return abs(price - other) <= multiply(limit, other)


def _mean(prices: list[Decimal]) -> Decimal:
    return divide(_sum(prices), Decimal(len(prices)))


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = CONTEXT.add(total, value)
    return total
