"""How fees are shared: the market pool's part, the incentive pool's part, the rest is revenue."""

from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured

from soke_project.settings.environment import env

FEE_POOL_SHARE = Decimal(env.str("SOKE_FEE_POOL_SHARE", "0.3"))
FEE_INCENTIVE_SHARE = Decimal(env.str("SOKE_FEE_INCENTIVE_SHARE", "0.3"))

if min(FEE_POOL_SHARE, FEE_INCENTIVE_SHARE) < 0 or Decimal("0.8") < FEE_POOL_SHARE + FEE_INCENTIVE_SHARE:
    raise ImproperlyConfigured("SOKE_FEE_POOL_SHARE and SOKE_FEE_INCENTIVE_SHARE are together at most 0.8.")
