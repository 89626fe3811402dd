"""What a job writes down for the dashboard's charts; asked again it changes nothing twice."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from common import sql
from common.times import SHANGHAI

KEPT_DAYS = 90


def take_sample() -> bool:
    """The row of this minute; whether it is new."""
    written = sql.execute(
        """
        INSERT INTO backoffice_sample (at, equity, reserved, unrealised, open_interest)
        SELECT date_trunc('minute', clock_timestamp()), a.balance - a.floor, p.reserved, p.marked_result + e.unrealised,
            e.interest
        FROM market_making_pool AS p
        JOIN ledger_account AS a ON a.kind = 101
        CROSS JOIN (
            SELECT
                round(coalesce(sum(x.direction * (s.last_price * x.quantity - x.notional)), 0), 6) AS unrealised,
                round(coalesce(sum(s.last_price * x.quantity), 0), 6) AS interest
            FROM market_making_exposure AS x JOIN indexes_indexstate AS s ON s.index_id = x.index_id
            WHERE s.last_price IS NOT NULL
        ) AS e
        ON CONFLICT DO NOTHING
        """
    )
    sql.execute("DELETE FROM backoffice_sample WHERE at < clock_timestamp() - make_interval(days => %s)", [KEPT_DAYS])
    return bool(written)


@transaction.atomic
def sum_up(day: date) -> int:
    """Sums up the transfers of a day (Asia/Shanghai) by kind, anew; the number of kinds."""
    sql.execute("SELECT pg_advisory_xact_lock(hashtext('backoffice.sum_up'))")
    sql.execute("DELETE FROM backoffice_dayflow WHERE day = %s", [day])
    return sql.execute(
        """
        INSERT INTO backoffice_dayflow (day, kind, amount, transfers)
        SELECT %s, kind, sum(amount), count(*) FROM ledger_transfer
        WHERE created_at >= %s::timestamp AT TIME ZONE 'Asia/Shanghai'
            AND created_at < (%s::timestamp + interval '1 day') AT TIME ZONE 'Asia/Shanghai'
        GROUP BY kind
        """,
        [day, day, day],
    )


def sum_up_lately() -> None:
    """Today, and yesterday as long as its last transfers may still be on their way into the books."""
    now = timezone.now().astimezone(SHANGHAI)
    sum_up(now.date())
    if now.hour == 0:
        sum_up(now.date() - timedelta(days=1))
