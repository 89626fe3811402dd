"""What reads indexes. Reads of the market are kept in the process for half a second (MARKET_CACHE_SECONDS)."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import orjson

from common import sql
from common.briefly import briefly
from common.reconciliation import Difference
from indexes.models import Index
from indexes.rules import DAY, INTERVALS, bucket_start, quote_change
from indexes.services.history import compare_candles

DEFAULT_CANDLES = 300
MOST_CANDLES = 1500


@dataclass(frozen=True, slots=True)
class PriceState:
    """An index's last price and its local day; prices are None before the first tick."""

    index_id: int
    code: str
    last_price: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    ticked_at: int | None
    fetched_since: datetime | None
    stale: bool
    stale_reason: str
    simulated: bool

    @property
    def quote_change(self) -> Decimal:
        """last / open of the day − 1, 4 decimals; 0 before the first tick."""
        if self.last_price is None or self.open is None:
            return Decimal(0)
        return quote_change(self.last_price, self.open)


@dataclass(frozen=True, slots=True)
class ListedIndex:
    """An index that clients see, with its terms, and where it stands."""

    index: Index
    state: PriceState


def latest(index_ids: Iterable[int]) -> dict[int, PriceState]:
    """{index id: state}, read now: for decisions, not for show."""
    day = bucket_start(DAY, int(time.time()))
    found = sql.rows(
        """
        SELECT
            i.id, i.code, s.last_price, coalesce(c.open, s.last_price), coalesce(c.high, s.last_price),
            coalesce(c.low, s.last_price), s.ticked_at, s.fetched_since, s.stale, s.stale_reason, s.simulated
        FROM indexes_index AS i
        JOIN indexes_indexstate AS s ON s.index_id = i.id
        LEFT JOIN indexes_candle AS c ON c.index_id = i.id AND c."interval" = %s AND c.start = %s
        WHERE i.id = ANY (%s::bigint[])
        """,
        [DAY, day, list(index_ids)],
    )
    return {columns[0]: PriceState(*columns) for columns in found}


@briefly
def indexes() -> list[ListedIndex]:
    """The enabled indexes, in their order."""
    listed = list(Index.objects.filter(enabled=True))
    states = latest(index.pk for index in listed)
    return [ListedIndex(index, states[index.pk]) for index in listed]


@briefly
def titles() -> dict[int, str]:
    """{index id: title} of every index, listed or not, in their order."""
    return dict(Index.objects.values_list("id", "title"))


@briefly
def candles(
    index_id: int, interval: str, limit: int = DEFAULT_CANDLES, start: int | None = None, end: int | None = None
) -> bytes:
    """The latest `limit` (at most 1500) candles of an interval that began in [start, end] (unix seconds), oldest
    first: a JSON array of {open, low, close, high, timestamp}. KeyError where there is no such interval."""
    found = sql.rows(
        """
        SELECT start, open::float8, low::float8, close::float8, high::float8
        FROM indexes_candle
        WHERE index_id = %s AND "interval" = %s AND start BETWEEN %s AND %s
        ORDER BY start DESC
        LIMIT %s
        """,
        [index_id, INTERVALS[interval], start or 0, 2**62 if end is None else end, min(limit, MOST_CANDLES)],
    )
    return orjson.dumps(
        [
            {"open": opened, "low": low, "close": close, "high": high, "timestamp": begin}
            for begin, opened, low, close, high in reversed(found)
        ]
    )


def last_seen() -> tuple[int, float] | None:
    """How many shards with a basket there are, and how many seconds ago the slowest was seen by its engine; None
    where nothing is to be ticked."""
    found = sql.row(
        """
        SELECT count(*), max(extract(epoch FROM clock_timestamp()) - seen)
        FROM (
            SELECT i.shard, coalesce(max(s.seen_at), 0) AS seen
            FROM indexes_index AS i JOIN indexes_indexstate AS s ON s.index_id = i.id
            WHERE EXISTS (SELECT FROM indexes_basket AS b WHERE b.index_id = i.id)
            GROUP BY i.shard
        ) AS shards
        """
    )
    return None if found is None or not found[0] else (found[0], float(found[1]))


def differences() -> Iterator[Difference]:
    """Yesterday's and today's candles up to one day against their minutes; `rebuild_candles` compares all."""
    since = bucket_start(DAY, bucket_start(DAY, int(time.time())) - 1)
    for index in Index.objects.all():
        for interval in range(2, DAY + 1):
            for found in compare_candles(index.pk, interval, since):
                yield Difference("candles", f"{index.code} {found}")
