"""What reads mining: a client's power, whether it mines, its rewards, and the checks of the books."""

from collections.abc import Iterator
from decimal import Decimal

from django.conf import settings
from django.db.models import QuerySet, Sum

from common import sql
from common.money import ZERO
from common.reconciliation import Difference, compare
from ledger.accounts import PlatformAccount
from ledger.queries import balance
from mining import rules
from mining.models import Miner, PowerReward
from mining.powers import parameters


def power(client_id: int) -> Decimal:
    """A client's power at the moment, open or not: what it has held long enough, weighed."""
    pledge_weight, since, fund_weight, _since = parameters(sql.database_time())
    found = sql.row(
        """
        SELECT
            (
                SELECT coalesce(sum(principal), 0) FROM market_making_pledge
                WHERE client_id = %s AND principal > 0 AND joined_at <= %s
            ),
            (
                SELECT coalesce(sum(o.amount + least(0, coalesce(r.amount, 0))), 0)
                FROM funds_fundorder AS o LEFT JOIN funds_fundreward AS r ON r.order_id = o.id
                WHERE o.client_id = %s AND o.started_at <= %s AND o.redeemed_at IS NULL
            )
        """,
        [client_id, since, client_id, since],
    )
    assert found is not None
    return rules.power(found[0], found[1], pledge_weight, fund_weight)


def is_open(client_id: int) -> bool:
    """Whether a client mines at the moment."""
    miner = Miner.objects.filter(client_id=client_id, stopped_at=None).first()
    return miner is not None and (miner.open_until is None or miner.open_until > sql.database_time())


def power_pool() -> Decimal:
    """What the next settlement would share."""
    return rules.pot(balance(PlatformAccount.INCENTIVE_POOL), settings.POWER_RATE)


def rewards(client_id: int) -> QuerySet[PowerReward]:
    """A client's paid rewards, newest first."""
    return PowerReward.objects.filter(client_id=client_id, paid_at__isnull=False).order_by("-id")


def income(client_id: int) -> Decimal:
    """`my.power_income`: all rewards."""
    found = rewards(client_id).aggregate(total=Sum("amount"))["total"]
    return ZERO if found is None else Decimal(found)


def differences() -> Iterator[Difference]:
    """Rewards against the ledger one by one, and each day's parts against its pot and power."""
    unequal = sql.rows(
        """
        SELECT coalesce(r.reference, t.reference), coalesce(r.amount, 0), coalesce(t.amount, 0)
        FROM (
            SELECT concat_ws(':', 'power', u.day, p.client_id) AS reference, p.amount
            FROM mining_powerreward AS p JOIN mining_powerrun AS u ON u.id = p.run_id WHERE p.paid_at IS NOT NULL
        ) AS r
        FULL JOIN (SELECT reference, amount FROM ledger_transfer WHERE kind = 'power_reward') AS t
            ON t.reference = r.reference
        WHERE r.amount IS DISTINCT FROM t.amount
        """
    )
    for reference, rewarded, posted in unequal:
        yield from compare("mining", reference, rewarded, posted)
    runs = sql.rows(
        """
        SELECT u.day, u.pot, u.total_power, coalesce(sum(p.amount), 0), coalesce(sum(p.power), 0)
        FROM mining_powerrun AS u LEFT JOIN mining_powerreward AS p ON p.run_id = u.id
        GROUP BY u.id HAVING coalesce(sum(p.amount), 0) > u.pot OR coalesce(sum(p.power), 0) <> u.total_power
        """
    )
    for day, pot, total, shared, powers in runs:
        yield Difference("mining", f"{day}: pot {pot}, shared {shared}; power {total}, of the miners {powers}")
