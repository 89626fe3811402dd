"""Mining's formulas: pure functions. Power and rewards have 6 decimals; the database computes the same in sets
(`settlement.py`), and a property test holds the two together."""

from decimal import Decimal

from common.money import MONEY, ZERO, divide, floor6, multiply


def power(pledge: Decimal, fund: Decimal, pledge_weight: Decimal, fund_weight: Decimal) -> Decimal:
    """What a client's pledges and fund principal (USDT, held long enough) weigh together; down."""
    return floor6(multiply(pledge, pledge_weight) + multiply(fund, fund_weight))


def pot(incentive_pool: Decimal, rate: int) -> Decimal:
    """What a day shares: `rate` percent of the incentive pool, down."""
    return floor6(divide(multiply(incentive_pool, Decimal(rate)), Decimal(100)))


def share(whole: Decimal, own: Decimal, total: Decimal) -> Decimal:
    """A miner's part of the pot by its power, down; what rounding leaves stays in the pool. Nothing of nothing."""
    if not total:
        return ZERO
    # An exact quotient of whole numbers: a rounded one could reach the next millionth.
    millionths = int(whole.scaleb(6)) * int(own.scaleb(6)) // int(total.scaleb(6))
    return Decimal(millionths) * MONEY
