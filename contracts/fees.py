"""How a fee is shared, by configuration."""

from decimal import Decimal

from django.conf import settings

from contracts import rules
from contracts.rules import FeeShares


def fee_shares(amount: Decimal) -> FeeShares:
    """A fee's shares for the market pool, the incentive pool and revenue."""
    return rules.split_fee(amount, settings.FEE_POOL_SHARE, settings.FEE_INCENTIVE_SHARE)
