"""A second of the engine: quotes in, ticks, states and candles out."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings

from common import sql
from indexes.leadership import fenced
from indexes.rules import (
    DAY,
    Jump,
    basket_worth,
    clamp_range,
    combine_prices,
    index_price,
    is_possible,
    judge_jump,
    jump_limit,
    rebased_divisor,
)
from indexes.services.candles import CandleRow, Silence, bridge, record_candles
from indexes.venues import MADE_UP, Observations, Quote


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a second did to an index.

    `price` and `since` (all its inputs were fetched after) are None where the index is stale: nothing may be marked
    or filled on it then. `candles` is {interval: candle} with the last price in, empty before the first tick.
    """

    index_id: int
    code: str
    at: int
    tick_id: int | None
    price: Decimal | None
    since: datetime | None
    last_price: Decimal | None
    stale: bool
    stale_reason: str
    simulated: bool
    candles: Mapping[int, CandleRow]

    @property
    def day(self) -> CandleRow | None:
        """The local day's candle: open, high and low of today."""
        return self.candles.get(DAY)


@dataclass(frozen=True, slots=True)
class _Part:
    symbol: str
    weight: Decimal
    venues: tuple[str, ...]
    single: bool


@dataclass(frozen=True, slots=True)
class _Basket:
    id: int
    version: int
    divisor: Decimal | None
    due: bool
    parts: tuple[_Part, ...]

    @property
    def weights(self) -> dict[str, Decimal]:
        return {part.symbol: part.weight for part in self.parts}


@dataclass(frozen=True, slots=True)
class _Priced:
    """A constituent's price, None where its quotes do not suffice, and the quotes behind it by venue."""

    price: Decimal | None
    quotes: dict[str, Quote]
    # Those of `quotes` that counted as less or more than they were.
    clamped: list[str]
    # Quotes that did not count, and why: `old`, `frozen` or `impossible`.
    left_out: dict[str, tuple[Quote, str]]


@dataclass(frozen=True, slots=True)
class _Inputs:
    version: int
    parts: dict[str, _Priced]

    @property
    def without_price(self) -> str | None:
        """The first symbol that has none."""
        return next((symbol for symbol, part in self.parts.items() if part.price is None), None)

    @property
    def prices(self) -> dict[str, Decimal]:
        return {symbol: part.price for symbol, part in self.parts.items() if part.price is not None}

    @property
    def since(self) -> datetime:
        return min(quote.fetched_since for part in self.parts.values() for quote in part.quotes.values())

    @property
    def simulated(self) -> bool:
        return any(not MADE_UP.isdisjoint(part.quotes) for part in self.parts.values())

    def stored(self) -> str:
        """As the tick keeps them, in JSON; `clamped` and `left_out` only where there is something."""
        written: dict[str, Any] = {
            "basket": self.version,
            "prices": {symbol: str(price) for symbol, price in self.prices.items()},
            "quotes": {
                symbol: {name: _written(quote) for name, quote in part.quotes.items()}
                for symbol, part in self.parts.items()
            },
        }
        if clamped := {symbol: part.clamped for symbol, part in self.parts.items() if part.clamped}:
            written["clamped"] = clamped
        if left_out := {
            symbol: {name: [*_written(quote), why] for name, (quote, why) in part.left_out.items()}
            for symbol, part in self.parts.items()
            if part.left_out
        }:
            written["left_out"] = left_out
        return orjson.dumps(written).decode()


@dataclass(slots=True)
class _Second:
    """An index as the last second left it, and what this one makes of it."""

    id: int
    code: str
    decimals: int
    lever: int
    last_price: Decimal | None
    seen_at: int | None
    ticked_at: int | None
    fetched_since: datetime | None
    simulated: bool
    jump: Jump | None
    baskets: list[_Basket]
    price: Decimal | None = None
    inputs: str = ""
    stale_reason: str = ""


@dataclass(slots=True)
class _Market:
    """The fresh quotes of a second, combined at most once for each way to combine them."""

    observations: Observations
    # What was fetched before, or has an older time of the venue's own, is too old.
    oldest: datetime
    _combined: dict[_Part, _Priced] = field(default_factory=dict)

    def inputs(self, basket: _Basket) -> _Inputs:
        return _Inputs(basket.version, {part.symbol: self._priced(part) for part in basket.parts})

    def _priced(self, part: _Part) -> _Priced:
        if part not in self._combined:
            quotes: dict[str, Quote] = {}
            left_out: dict[str, tuple[Quote, str]] = {}
            for name in part.venues:
                quote = self.observations.get(name, {}).get(part.symbol)
                if quote is None:
                    continue
                if objection := self._objection(quote):
                    left_out[name] = quote, objection
                else:
                    quotes[name] = quote
            prices = [quote.price for quote in quotes.values()]
            clamped = []
            if len(prices) >= 3:
                low, high = clamp_range(prices)
                clamped = [name for name, quote in quotes.items() if not low <= quote.price <= high]
            self._combined[part] = _Priced(combine_prices(prices, single=part.single), quotes, clamped, left_out)
        return self._combined[part]

    def _objection(self, quote: Quote) -> str:
        if not is_possible(quote.price):
            return "impossible"
        if quote.fetched_since < self.oldest:
            return "old"
        return "frozen" if quote.quoted_at is not None and quote.quoted_at < self.oldest else ""


def _written(quote: Quote) -> list[Any]:
    return [str(quote.price), quote.fetched_since.timestamp()]


def wanted_quotes(shard: str) -> dict[str, set[str]]:
    """{venue: symbols} that the shard's baskets need, those that are still to take effect included."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    found = sql.rows(
        """
        SELECT DISTINCT v.venue, c.symbol
        FROM indexes_index AS i
        JOIN indexes_basket AS b ON b.index_id = i.id
        JOIN indexes_constituent AS c ON c.basket_id = b.id
        CROSS JOIN unnest(c.venues) AS v (venue)
        WHERE i.shard = %s AND b.version >= coalesce((
            SELECT max(x.version) FROM indexes_basket AS x
            WHERE x.index_id = i.id AND x.divisor IS NOT NULL AND x.effective_at <= clock_timestamp()
        ), 0)
        """,
        [shard],
    )
    for venue, symbol in found:
        wanted[venue].add(symbol)
    return dict(wanted)


def record_ticks(shard: str, epoch: int, observations: Observations, at: datetime | None = None) -> list[TickResult]:
    """Ticks every index of a shard in the caller's transaction, at the second of `at`; None is the database's clock
    once it has the locks, so that quotes are judged by when they are used.

    An index that has seen this second or a later one is left out. Raises leadership.Fenced when the epoch is not the
    shard's: another engine leads, and the transaction must be given up.
    """
    [began] = fenced("SELECT index_begin(%s, %s)", [shard, epoch])
    at = at or began
    second = int(at.timestamp())
    market = _Market(observations, at - timedelta(seconds=settings.QUOTE_MAX_AGE))
    rows = [row for row in _load(shard, at) if row.seen_at is None or row.seen_at < second]
    for row in rows:
        _judge(row, market, second)
    silences = [
        Silence(row.id, before, row.seen_at)
        for row in rows
        if (before := row.last_price) is not None and row.seen_at is not None
    ]
    bridge(silences, second)
    for row in rows:
        if row.price is not None:
            row.last_price = row.price
    candles = record_candles({row.id: row.last_price for row in rows if row.last_price is not None}, second)
    ticks = _store(rows, epoch, second)
    return [
        TickResult(
            index_id=row.id,
            code=row.code,
            at=second,
            tick_id=ticks.get(row.id),
            price=row.price,
            since=None if row.price is None else row.fetched_since,
            last_price=row.last_price,
            stale=row.price is None,
            stale_reason=row.stale_reason,
            simulated=row.simulated,
            candles=candles.get(row.id, {}),
        )
        for row in rows
    ]


def _judge(row: _Second, market: _Market, second: int) -> None:
    """Finds the index's price of this second, or why it has none."""
    basket = row.baskets[0] if row.baskets and row.baskets[0].divisor and row.baskets[0].due else None
    following = next((later for later in reversed(row.baskets) if later.due and later is not basket), None)
    inputs = market.inputs(basket) if basket else None
    if basket and inputs and following:
        inputs_after = market.inputs(following)
        divisor = _rebase(row, basket, inputs, following, inputs_after)
        if divisor is not None:
            basket, inputs = _Basket(following.id, following.version, divisor, True, following.parts), inputs_after
    if basket is None or basket.divisor is None or inputs is None:
        row.stale_reason = "no_price basket"
        return
    row.inputs = inputs.stored()
    if missing := inputs.without_price:
        row.stale_reason = f"no_price {missing}"
        return
    price = index_price(basket.weights, inputs.prices, basket.divisor, row.decimals)
    if not is_possible(price):
        row.stale_reason = "no_price index"
        return
    counts, row.jump = judge_jump(price, last=row.last_price, waiting=row.jump, limit=jump_limit(row.lever))
    row.simulated = inputs.simulated
    if not counts:
        row.stale_reason = "jump"
        return
    row.price, row.fetched_since, row.ticked_at = price, inputs.since, second


def _rebase(
    row: _Second, basket: _Basket, inputs: _Inputs, following: _Basket, inputs_after: _Inputs
) -> Decimal | None:
    """Puts a basket in effect that is due: the divisor that keeps the index where the old basket has it, or, where
    that has no price any more, where the last tick was. None while the new one has no price."""
    if inputs_after.without_price:
        return None
    after = basket_worth(following.weights, inputs_after.prices)
    if not inputs.without_price and basket.divisor is not None:
        divisor = rebased_divisor(basket_worth(basket.weights, inputs.prices), basket.divisor, after)
    elif row.last_price is not None:
        divisor = rebased_divisor(row.last_price, Decimal(1), after)
    else:
        return None
    sql.execute("UPDATE indexes_basket SET divisor = %s WHERE id = %s", [divisor, following.id])
    return divisor


def _load(shard: str, at: datetime) -> list[_Second]:
    """The shard's indexes, their states, and their baskets from the one in effect on."""
    found = sql.rows(
        """
        SELECT
            i.id, i.code, i.decimals, i.lever, s.last_price, s.seen_at, s.ticked_at, s.fetched_since, s.simulated,
            s.jump_price, s.jump_confirmed
        FROM indexes_index AS i JOIN indexes_indexstate AS s ON s.index_id = i.id
        WHERE i.shard = %s
        ORDER BY i.id
        """,
        [shard],
    )
    baskets: defaultdict[int, list[_Basket]] = defaultdict(list)
    for index_id, *columns, parts in sql.rows("SELECT * FROM index_baskets(%s, %s)", [shard, at]):
        baskets[index_id].append(_Basket(*(*columns, _parts(parts))))
    return [
        _Second(*(*columns, None if price is None else Jump(price, confirmed), baskets[columns[0]]))
        for *columns, price, confirmed in found
    ]


# Baskets hardly ever change: the same text is taken apart once.
@lru_cache(maxsize=10_000)
def _parts(written: str) -> tuple[_Part, ...]:
    found: list[list[Any]] = orjson.loads(written)
    return tuple(_Part(symbol, Decimal(weight), tuple(venues), one) for symbol, weight, venues, one in found)


def _store(rows: list[_Second], epoch: int, second: int) -> dict[int, int]:
    """Writes ticks and states, each with its inputs where the index has a price or none; {index id: tick id}."""
    stored = sql.rows(
        """
        SELECT ticked, tick_id
        FROM record_second(
            %s, %s, %s::bigint[], %s::numeric[], %s::bigint[], %s::timestamptz[], %s::text[], %s::boolean[],
            %s::numeric[], %s::smallint[], %s::text[]
        )
        """,
        [
            epoch,
            second,
            [row.id for row in rows],
            [row.last_price for row in rows],
            [row.ticked_at for row in rows],
            [row.fetched_since for row in rows],
            [row.stale_reason for row in rows],
            [row.simulated for row in rows],
            [row.jump.price if row.jump else None for row in rows],
            [row.jump.confirmed if row.jump else 0 for row in rows],
            [row.inputs for row in rows],
        ],
    )
    return dict(stored)
