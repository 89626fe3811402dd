"""The one statement that says what everybody's power is made of."""

from datetime import timedelta
from typing import Any

from django.conf import settings

# {client_id, power} of clients with power, by principal held unbroken since a moment. A pledge's principal that was
# settled away is gone, and what remains has been held since it joined; a fund's loss likewise.
POWERS = """
    SELECT client_id, trunc(sum(weight * principal), 6) AS power
    FROM (
        SELECT client_id, %s::numeric AS weight, principal
        FROM market_making_pledge WHERE principal > 0 AND joined_at <= %s
        UNION ALL
        SELECT o.client_id, %s::numeric, o.amount + least(0, coalesce(r.amount, 0))
        FROM funds_fundorder AS o LEFT JOIN funds_fundreward AS r ON r.order_id = o.id
        WHERE o.started_at <= %s AND o.redeemed_at IS NULL
    ) AS held
    GROUP BY client_id
    HAVING trunc(sum(weight * principal), 6) > 0
"""


def parameters(moment: Any) -> list[Any]:
    """Of POWERS, by the configuration, as of `moment`."""
    since = moment - timedelta(hours=settings.POWER_HOURS)
    return [settings.POWER_PLEDGE_WEIGHT, since, settings.POWER_FUND_WEIGHT, since]
