"""How a fee is shared, by configuration."""

from decimal import Decimal

from common.configuration import live
from contracts import rules
from contracts.rules import FeeShares


def fee_shares(amount: Decimal) -> FeeShares:
    """A fee's shares for the market pool, the incentive pool and revenue."""
    return rules.split_fee(amount, live.FEE_POOL_SHARE, live.FEE_INCENTIVE_SHARE)
