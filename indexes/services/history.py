"""Stored candles and ticks: compared, repaired, pruned."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import transaction

from common import sql
from indexes.models import IndexState
from indexes.rules import INTERVAL_NAMES, INTERVALS, MINUTE, bucket_start, next_bucket
from indexes.services.candles import CHUNK, insert_flat

TICKS_KEPT = timedelta(days=7)
_BATCH = 5_000
Prices = tuple[Decimal, Decimal, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A longer candle that is not what its minutes give; open, high, low, close, None where there is none."""

    index_id: int
    interval: int
    start: int
    expected: Prices | None
    found: Prices | None

    def __str__(self) -> str:
        name = INTERVAL_NAMES[self.interval]
        return f"{name} {self.start}: expected {_written(self.expected)}, found {_written(self.found)}"


def _written(prices: Prices | None) -> str:
    return "none" if prices is None else " ".join(str(price) for price in prices)


def compare_candles(index_id: int, interval: int, since: int = 0) -> Iterator[Mismatch]:
    """The candles of a longer interval, from the one that contains `since` on, that are not what their minutes
    give."""
    since = bucket_start(interval, since)
    found = sql.rows(
        """
        WITH expected AS (
            SELECT
                candle_start(%s::smallint, start) AS start, (array_agg(open ORDER BY start))[1] AS open,
                max(high) AS high, min(low) AS low, (array_agg(close ORDER BY start DESC))[1] AS close
            FROM indexes_candle
            WHERE index_id = %s AND "interval" = 1 AND start >= %s
            GROUP BY 1
        ), stored AS (
            SELECT start, open, high, low, close
            FROM indexes_candle
            WHERE index_id = %s AND "interval" = %s AND start >= %s
        )
        SELECT coalesce(e.start, s.start), e.open, e.high, e.low, e.close, s.open, s.high, s.low, s.close
        FROM expected AS e FULL JOIN stored AS s USING (start)
        WHERE (e.open, e.high, e.low, e.close) IS DISTINCT FROM (s.open, s.high, s.low, s.close)
        ORDER BY 1
        """,
        [interval, index_id, since, index_id, interval, since],
    )
    for start, *prices in found:
        expected, stored = tuple(prices[:4]), tuple(prices[4:])
        yield Mismatch(
            index_id,
            interval,
            start,
            None if expected[0] is None else expected,
            None if stored[0] is None else stored,
        )


def missing_minutes(index_id: int) -> list[tuple[int, int, Decimal]]:
    """(start, end, price before) of minutes without a candle that no noted gap covers."""
    return sql.rows(
        """
        SELECT m.start + 60, m.following, m.close
        FROM (
            SELECT start, close, lead(start) OVER (ORDER BY start) AS following
            FROM indexes_candle WHERE index_id = %s AND "interval" = 1
        ) AS m
        WHERE m.following > m.start + 60 AND NOT EXISTS (
            SELECT FROM indexes_candlegap AS g
            WHERE g.index_id = %s AND g.start <= m.start + 60 AND g.end >= m.following
        )
        ORDER BY 1
        """,
        [index_id, index_id],
    )


def repair_candles(index_id: int) -> int:
    """Fills in missing minutes and makes every longer candle what its minutes give; how many candles were wrong."""
    for start, end, price in missing_minutes(index_id):
        for begin in range(start, end, CHUNK):
            insert_flat({index_id: price}, begin, min(begin + CHUNK, end))
    repaired = 0
    for interval in INTERVALS.values():
        wrong = [] if interval == MINUTE else [found.start for found in compare_candles(index_id, interval)]
        for first in range(0, len(wrong), _BATCH):
            _rebuild(index_id, interval, wrong[first : first + _BATCH])
        repaired += len(wrong)
    return repaired


@transaction.atomic
def _rebuild(index_id: int, interval: int, starts: list[int]) -> None:
    # The engine holds the state through its tick: without the lock a high of this second could be written over.
    IndexState.objects.select_for_update(no_key=True).get(pk=index_id)
    sql.execute(
        'DELETE FROM indexes_candle WHERE index_id = %s AND "interval" = %s AND start = ANY (%s::bigint[])',
        [index_id, interval, starts],
    )
    sql.execute(
        """
        INSERT INTO indexes_candle (index_id, "interval", start, open, high, low, close)
        SELECT
            m.index_id, %s, b.start, (array_agg(m.open ORDER BY m.start))[1], max(m.high), min(m.low),
            (array_agg(m.close ORDER BY m.start DESC))[1]
        FROM unnest(%s::bigint[], %s::bigint[]) AS b (start, following)
        JOIN indexes_candle AS m
            ON m.index_id = %s AND m."interval" = 1 AND m.start >= b.start AND m.start < b.following
        GROUP BY m.index_id, b.start
        """,
        [interval, starts, [next_bucket(interval, start) for start in starts], index_id],
    )


def prune_ticks() -> int:
    """Deletes ticks older than 7 days, but each index's last one, in batches; how many."""
    deleted = 0
    while batch := sql.execute(
        """
        DELETE FROM indexes_tick WHERE id IN (
            SELECT t.id
            FROM indexes_indexstate AS s
            CROSS JOIN LATERAL (
                SELECT id FROM indexes_tick
                WHERE index_id = s.index_id AND at < least(clock_timestamp() - %s, to_timestamp(s.ticked_at))
                ORDER BY at LIMIT %s
            ) AS t
        )
        """,
        [TICKS_KEPT, _BATCH],
    ):
        deleted += batch
    return deleted
