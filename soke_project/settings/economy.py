"""How fees are shared: the market pool's part, the incentive pool's part, the rest is revenue. And how mining works."""

from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured

from soke_project.settings.chain import CHAIN_ID, DEVELOPMENT_CHAIN_ID
from soke_project.settings.environment import env

FEE_POOL_SHARE = Decimal(env.str("SOKE_FEE_POOL_SHARE", "0.3"))
FEE_INCENTIVE_SHARE = Decimal(env.str("SOKE_FEE_INCENTIVE_SHARE", "0.3"))

if min(FEE_POOL_SHARE, FEE_INCENTIVE_SHARE) < 0 or Decimal("0.8") < FEE_POOL_SHARE + FEE_INCENTIVE_SHARE:
    raise ImproperlyConfigured("SOKE_FEE_POOL_SHARE and SOKE_FEE_INCENTIVE_SHARE are together at most 0.8.")

# What a USDT of pledge and of fund principal counts as power, and how long it must have been held unbroken (hours).
POWER_PLEDGE_WEIGHT = Decimal(env.str("SOKE_POWER_PLEDGE_WEIGHT", "1"))
POWER_FUND_WEIGHT = Decimal(env.str("SOKE_POWER_FUND_WEIGHT", "1"))
POWER_HOURS = env.int("SOKE_POWER_HOURS", 0 if CHAIN_ID == DEVELOPMENT_CHAIN_ID else 24)
# Percent of the incentive pool that a day shares.
POWER_RATE = env.int("SOKE_POWER_RATE", 10)
# How long `power/start` opens mining; 0: until it is stopped.
POWER_SESSION_HOURS = env.int("SOKE_POWER_SESSION_HOURS", 24)

for _weight in (POWER_PLEDGE_WEIGHT, POWER_FUND_WEIGHT):
    if not 0 <= _weight <= 1000 or _weight != round(_weight, 6):
        raise ImproperlyConfigured("SOKE_POWER_PLEDGE_WEIGHT and SOKE_POWER_FUND_WEIGHT are 0 to 1000, 6 decimals.")
if not 0 <= POWER_RATE <= 100:
    raise ImproperlyConfigured("SOKE_POWER_RATE is 0 to 100, in percent.")
if min(POWER_HOURS, POWER_SESSION_HOURS) < 0:
    raise ImproperlyConfigured("SOKE_POWER_HOURS and SOKE_POWER_SESSION_HOURS are not below 0.")
