"""The funds' formulas: pure functions. USDT with 6 decimals; rates are fractions of the principal."""

from decimal import Decimal

from common.money import ZERO, ceil6, floor6, multiply


def amount(unit_price: Decimal, volume: int) -> Decimal:
    """What `volume` units cost; exact."""
    return unit_price * volume


def reward(principal: Decimal, profit: Decimal) -> Decimal:
    """What the end of a period pays, down: towards −∞ where `profit`, above −1, is a loss. At least −principal."""
    return floor6(multiply(principal, profit))


def principal_after(principal: Decimal, paid_reward: Decimal) -> Decimal:
    """What is left of the principal: a loss is taken from it, a reward is paid beside it."""
    return principal + min(ZERO, paid_reward)


def early_fee(principal: Decimal, rate: Decimal) -> Decimal:
    """The fee of an early redemption, up, at most the principal."""
    return min(principal, ceil6(multiply(principal, rate)))


def least_early_fee(profits: list[Decimal]) -> Decimal:
    """The least fee rate of a product whose periods have these rates: leaving a losing period early saves nothing."""
    return max([ZERO, *(-profit for profit in profits)])
