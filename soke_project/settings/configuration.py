"""What operators may change in the back office: default, description, bounds. The rest is the environment's alone.

What one operator must not be able to loosen stays out of it: above which amount a withdrawal needs two, what is
approved automatically, keys, hosts, the chain.
"""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from soke_project.settings.chain import MINIMUM_PAYMENT, PAYMENT_ORDER_MINUTES
from soke_project.settings.economy import FEE_INCENTIVE_SHARE, FEE_POOL_SHARE

CONSTANCE_BACKEND = "constance.backends.database.DatabaseBackend"
_DECIMAL = "unfold.widgets.UnfoldAdminDecimalFieldWidget"
_INTEGER = "unfold.widgets.UnfoldAdminIntegerFieldWidget"


def _decimal(low: str, high: str, places: int) -> list[Any]:
    bounds = {"min_value": Decimal(low), "max_value": Decimal(high), "decimal_places": places, "max_digits": 20}
    return ["django.forms.DecimalField", {"widget": _DECIMAL, **bounds}]


def _integer(low: int, high: int) -> list[Any]:
    return ["django.forms.IntegerField", {"widget": _INTEGER, "min_value": low, "max_value": high}]


CONSTANCE_ADDITIONAL_FIELDS = {
    "share": _decimal("0", "0.8", 4),
    "amount": _decimal("0.000001", "1000000", 6),
    "minutes": _integer(5, 1440),
}
CONSTANCE_CONFIG = {
    "FEE_POOL_SHARE": (FEE_POOL_SHARE, _("The market pool's share of each fee, 0 to 0.8"), "share"),
    "FEE_INCENTIVE_SHARE": (
        FEE_INCENTIVE_SHARE,
        _("The incentive pool's share of each fee; both together at most 0.8, the rest is revenue"),
        "share",
    ),
    "MINIMUM_PAYMENT": (Decimal(MINIMUM_PAYMENT), _("The least deposit, USDT, 0.000001 to 1,000,000"), "amount"),
    "PAYMENT_ORDER_MINUTES": (
        PAYMENT_ORDER_MINUTES,
        _("How long a payment order may be paid, minutes, 5 to 1440; orders made before keep their time"),
        "minutes",
    ),
}
