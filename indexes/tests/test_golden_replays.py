"""Golden replays: recorded quotes give exactly these ticks and candles, whatever is changed in between.

`replays/NAME.jsonl` begins with the index and its baskets; each further line is a second that the engine looked at:
{venue: {symbol: price}}, or [price, age of the fetch, age by the venue's own time] in place of the price.
`replays/NAME.json` has what they must give: each second's price or why there is none, with what was clamped or left
out; and all candles. A change of a rule changes them by hand.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from common.times import SHANGHAI
from indexes import services
from indexes.models import Basket, Candle, Constituent, Index, IndexState, Tick
from indexes.rules import INTERVAL_NAMES
from indexes.tests.factories import EPOCH, lead
from indexes.venues import Quote

pytestmark = pytest.mark.django_db
REPLAYS = Path(__file__).parent / "replays"
AGE = 0.5


def prepare(scenario: dict[str, Any]) -> Index:
    lead()
    index = Index.objects.create(code="x", title="x", **scenario["index"])
    start = datetime.fromisoformat(scenario["start"])
    for version, basket in enumerate(scenario["baskets"], 1):
        effective_at = start + timedelta(seconds=-86400 if basket["at"] is None else basket["at"])
        made = Basket.objects.create(index=index, version=version, divisor=basket["divisor"], effective_at=effective_at)
        for part in basket["constituents"]:
            Constituent.objects.create(
                basket=made,
                symbol=part["symbol"],
                weight=part["weight"],
                venues=part["venues"],
                allow_single_venue=part["single"],
            )
    return index


def observations(quotes: dict[str, Any], at: datetime) -> dict[str, dict[str, Quote]]:
    found: defaultdict[str, dict[str, Quote]] = defaultdict(dict)
    for venue, symbols in quotes.items():
        for symbol, quoted in symbols.items():
            price, *ages = quoted if isinstance(quoted, list) else [quoted]
            times = [at - timedelta(seconds=age) for age in ages or [AGE]]
            found[venue][symbol] = Quote(Decimal(price), *times)
    return found


def replay(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Plays all seconds through the engine's service; what they gave, from what is stored."""
    scenario, *seconds = lines
    index = prepare(scenario)
    start = datetime.fromisoformat(scenario["start"])
    ticks = []
    for second in seconds:
        at = start + timedelta(seconds=second["at"])
        with transaction.atomic():
            services.record_ticks("main", EPOCH, observations(second["quotes"], at), at)
        tick = Tick.objects.filter(index=index, at=at).first()
        state = IndexState.objects.get(index=index)
        inputs = tick.inputs if tick else state.inputs or {}
        left_out = {
            symbol: {venue: why for venue, (_, _, why) in venues.items()}
            for symbol, venues in inputs.get("left_out", {}).items()
        }
        row: list[Any] = [second["at"], str(tick.price) if tick else None, state.stale_reason]
        notes = {"clamped": inputs.get("clamped"), "left_out": left_out}
        if found := {name: note for name, note in notes.items() if note}:
            row.append(found)
        ticks.append(row)
    return {"ticks": ticks, "candles": list(candles(index))}


def candles(index: Index) -> Iterator[list[Any]]:
    """[interval, start in Asia/Shanghai, open, high, low, close], the shortest first."""
    for candle in Candle.objects.filter(index=index).order_by("interval", "start"):
        start = datetime.fromtimestamp(candle.start, SHANGHAI).strftime("%Y-%m-%d %H:%M")
        prices = [str(price) for price in (candle.open, candle.high, candle.low, candle.close)]
        yield [INTERVAL_NAMES[candle.interval], start, *prices]


@pytest.mark.parametrize("name", sorted(path.stem for path in REPLAYS.glob("*.jsonl")))
def test_recorded_quotes_give_exactly_these_ticks_and_candles(name):
    lines = [json.loads(line) for line in (REPLAYS / f"{name}.jsonl").read_text().splitlines()]
    expected = json.loads((REPLAYS / f"{name}.json").read_text())
    given = replay(lines)
    assert given["ticks"] == expected["ticks"]
    assert given["candles"] == expected["candles"]
    index = Index.objects.get()
    assert not services.missing_minutes(index.pk)
    for interval in range(2, len(INTERVAL_NAMES) + 1):
        assert not list(services.compare_candles(index.pk, interval))


def test_a_rebalance_keeps_the_index_to_the_last_decimal():
    lines = [json.loads(line) for line in (REPLAYS / "rebalance.jsonl").read_text().splitlines()]
    replay(lines)
    prices = {line["at"]: json.dumps(line["quotes"]) for line in lines[1:]}
    ticks = {int(tick.at.timestamp()): tick for tick in Tick.objects.all()}
    start = int(datetime.fromisoformat(lines[0]["start"]).timestamp())
    assert prices[1] == prices[2] == prices[4]
    assert ticks[start + 1].price == ticks[start + 2].price == ticks[start + 4].price
    assert [ticks[start + second].inputs["basket"] for second in (1, 2)] == [1, 2]
