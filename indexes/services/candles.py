"""Candles as ticks make them, and the flat ones of silent minutes.

A stale index records its last price every second, so that its silent minutes are flat. After seconds without an
engine the price before them is recorded at the last silent minute: every longer candle that is still running then
holds the silence too, and what is left to do is to insert flat candles where there are none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from common import sql
from indexes.models import CandleGap
from indexes.rules import INTERVALS, MINUTE, bucket_start, buckets_within

# Longer silences are filled in behind the live candles, a day at a time.
SHORT_GAP = 3600
CHUNK = 86400


class CandleRow(NamedTuple):
    """Unix seconds and prices."""

    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Silence(NamedTuple):
    """An index that was last seen at `seen_at` (unix seconds), at `price`."""

    index_id: int
    price: Decimal
    seen_at: int


def record_candles(prices: Mapping[int, Decimal], at: int) -> dict[int, dict[int, CandleRow]]:
    """Puts {index id: price} at `at` into all candles; {index id: {interval: candle}} as they are then."""
    recorded: dict[int, dict[int, CandleRow]] = {index_id: {} for index_id in prices}
    found = sql.rows(
        """
        SELECT index_id, "interval", start, open, high, low, close
        FROM record_candles(%s::bigint[], %s::numeric[], %s)
        """,
        [list(prices.keys()), list(prices.values()), at],
    )
    for index_id, interval, *candle in found:
        recorded[index_id][interval] = CandleRow(*candle)
    return recorded


def bridge(silences: Iterable[Silence], at: int) -> None:
    """Before a price at `at`: makes the minutes between then and now flat, or notes them for `fill_gaps`."""
    end = bucket_start(MINUTE, at)
    alike: defaultdict[int, dict[int, Decimal]] = defaultdict(dict)
    for silence in silences:
        start = bucket_start(MINUTE, silence.seen_at) + 60
        if start < end:
            alike[start][silence.index_id] = silence.price
    for start, prices in alike.items():
        record_candles(prices, end - 60)
        if end - start <= SHORT_GAP:
            insert_flat(prices, start, end)
        else:
            CandleGap.objects.bulk_create(
                CandleGap(index_id=index_id, start=start, end=end, price=price) for index_id, price in prices.items()
            )


def fill_gaps(limit: int) -> int:
    """Fills in at most `limit` days of noted gaps, the newest first; how many. Each is a transaction of its own."""
    for done in range(limit):
        with transaction.atomic():
            gap = CandleGap.objects.select_for_update(skip_locked=True).order_by("-end", "id").first()
            if gap is None:
                return done
            start = max(gap.start, gap.end - CHUNK)
            insert_flat({gap.index_id: gap.price}, start, gap.end)
            if start == gap.start:
                gap.delete()
            else:
                gap.end = start
                gap.save(update_fields=["end"])
    return limit


def insert_flat(prices: Mapping[int, Decimal], start: int, end: int) -> None:
    """Inserts flat candles at {index id: price} for all that begin in [start, end) and are not there."""
    buckets = [(code, begin) for code in INTERVALS.values() for begin in buckets_within(code, start, end)]
    sql.execute(
        """
        INSERT INTO indexes_candle (index_id, "interval", start, open, high, low, close)
        SELECT o.index_id, b.code, b.start, o.price, o.price, o.price, o.price
        FROM unnest(%s::bigint[], %s::numeric[]) AS o (index_id, price)
        CROSS JOIN unnest(%s::smallint[], %s::bigint[]) AS b (code, start)
        ON CONFLICT DO NOTHING
        """,
        [
            list(prices.keys()),
            list(prices.values()),
            [code for code, _ in buckets],
            [begin for _, begin in buckets],
        ],
    )
