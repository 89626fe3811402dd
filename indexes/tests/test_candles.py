"""Candles through gaps and stale phases, against a model that knows nothing but minutes."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal as D
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from common import sql
from common.times import SHANGHAI
from indexes import queries, services
from indexes.models import Candle, CandleGap, Index
from indexes.rules import INTERVALS, bucket_start
from indexes.tests.factories import make_index, tick

# The last seconds of a Sunday that ends a month: every interval turns within the next steps.
START = int(datetime(2026, 5, 31, 23, 58, 30, tzinfo=SHANGHAI).timestamp())
MOMENTS = st.integers(1_400_000_000, 4_000_000_000)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def stored(index: Index) -> dict[tuple[int, int], tuple[D, ...]]:
    return {
        (interval, start): tuple(prices)
        for interval, start, *prices in Candle.objects.filter(index=index).values_list(
            "interval", "start", "open", "high", "low", "close"
        )
    }


def model(seconds: list[tuple[int, D | None]]) -> dict[tuple[int, int], tuple[D, ...]]:
    """All candles of (second, price or None where stale), by hand: minute by minute, then the longer ones."""
    by_minute: defaultdict[int, list[D]] = defaultdict(list)
    looked_at = set()
    for second, price in seconds:
        looked_at.add(second - second % 60)
        if price is not None:
            by_minute[second - second % 60].append(price)
    if not by_minute:
        return {}
    candles: dict[tuple[int, int], tuple[D, ...]] = {}
    last: D | None = None
    seen_stale_first = first_stale(seconds)
    for minute in range(min(by_minute), max(looked_at) + 60, 60):
        prices = list(by_minute.get(minute, ()))
        # A minute that begins stale, or is silent, has the price before it.
        if last is not None and (not prices or minute in seen_stale_first):
            prices.insert(0, last)
        candles[1, minute] = prices[0], max(prices), min(prices), prices[-1]
        last = prices[-1]
    for interval in INTERVALS.values():
        parts: defaultdict[int, list[tuple[D, ...]]] = defaultdict(list)
        for (_, minute), candle in sorted(candles.items()):
            if _ == 1:
                parts[bucket_start(interval, minute)].append(candle)
        if interval != 1:
            for start, inside in parts.items():
                candles[interval, start] = (
                    inside[0][0],
                    max(candle[1] for candle in inside),
                    min(candle[2] for candle in inside),
                    inside[-1][3],
                )
    return candles


def first_stale(seconds: list[tuple[int, D | None]]) -> set[int]:
    """The minutes whose first second was stale."""
    first: dict[int, D | None] = {}
    for second, price in seconds:
        first.setdefault(second - second % 60, price)
    return {minute for minute, price in first.items() if price is None}


STEPS = st.lists(
    st.tuples(
        # Mostly the next seconds, sometimes minutes or hours without an engine, rarely days.
        st.one_of(
            st.integers(1, 20),
            st.integers(1, 20),
            st.integers(30, 200),
            st.integers(3000, 30000),
            st.integers(80_000, 400_000),
        ),
        st.one_of(st.none(), st.integers(9900, 10100), st.integers(9900, 10100)),
    ),
    min_size=1,
    max_size=25,
)


class Histories(TestCase):
    @hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def test_longer_candles_are_what_their_minutes_give_and_no_minute_is_missing(self, steps):
        index = make_index()
        second, seconds = START, []
        for step, price in steps:
            second += step
            seconds.append((second, None if price is None else D(price)))
            tick({} if price is None else {"sokemain": price}, moment(second))
            # Before the long silences are filled in, what is there is already right.
            for interval in INTERVALS.values():
                if interval != 1:
                    assert list(services.compare_candles(index.pk, interval)) == []
            assert services.missing_minutes(index.pk) == []
        while services.fill_gaps(3):
            pass
        assert not CandleGap.objects.exists()
        assert stored(index) == model(seconds)


@pytest.mark.django_db
@given(MOMENTS, st.sampled_from(sorted(INTERVALS.values())))
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_database_begins_candles_where_the_rules_do(second, interval):
    assert sql.row("SELECT candle_start(%s::smallint, %s)", [interval, second]) == (bucket_start(interval, second),)


@pytest.mark.django_db
def test_a_short_silence_is_filled_at_once_and_a_long_one_behind():
    index = make_index()
    tick({"sokemain": 100}, moment(START))
    tick({"sokemain": 101}, moment(START + 600))
    assert CandleGap.objects.count() == 0
    assert Candle.objects.filter(index=index, interval=1).count() == 11
    tick({"sokemain": 102}, moment(START + 600 + 3 * 86400))
    gap = CandleGap.objects.get()
    assert (gap.end - gap.start, gap.price) == (3 * 86400 - 60, D(101))
    assert services.fill_gaps(1) == 1
    assert CandleGap.objects.get().end == gap.end - 86400
    assert services.fill_gaps(10) == 2
    assert services.fill_gaps(10) == 0
    assert Candle.objects.filter(index=index, interval=1).count() == 11 + 3 * 1440


@pytest.mark.django_db
def test_a_silence_of_many_indexes_is_bridged_for_each_at_its_own_price():
    make_index("one")
    make_index("two")
    tick({"one": 100, "two": 7}, moment(START))
    results = tick({"one": 101, "two": D("7.01")}, moment(START + 300))
    # May is over: the month's candle opens flat in the silence, not with the tick.
    assert results["one"].candles[9][1:] == (D(100), D(101), D(100), D(101))
    assert results["two"].candles[9][1:] == (D(7), D("7.01"), D(7), D("7.01"))


@pytest.fixture
def history(db):
    index = make_index()
    for step in range(0, 7200, 40):
        tick({"sokemain": 100 + step % 7 * D("0.1")}, moment(START + step))
    return index


def test_rebuild_finds_and_repairs_what_was_changed(history):
    call_command("rebuild_candles", stdout=StringIO())
    right = stored(history)
    Candle.objects.filter(interval=5).update(high=1000)
    Candle.objects.filter(interval=2, start__lt=START + 1000).delete()
    Candle.objects.create(index=history, interval=7, start=bucket_start(7, 0), open=1, high=1, low=1, close=1)
    output = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("rebuild_candles", stdout=output)
    assert failed.value.returncode == 1
    assert "60min" in output.getvalue()
    assert stored(history) != right
    call_command("rebuild_candles", "--write", stdout=StringIO())
    assert stored(history) == right
    call_command("rebuild_candles", "sokemain", stdout=StringIO())


def test_rebuild_fills_in_missing_minutes(history):
    Candle.objects.filter(interval=1, start__range=(START + 600, START + 1200)).delete()
    with pytest.raises(CommandError):
        call_command("rebuild_candles", stdout=StringIO())
    call_command("rebuild_candles", "--write", stdout=StringIO())
    assert services.missing_minutes(history.pk) == []
    call_command("rebuild_candles", stdout=StringIO())


@pytest.mark.django_db
def test_rebuild_knows_its_indexes():
    with pytest.raises(CommandError, match="There is no index nosuch"):
        call_command("rebuild_candles", "nosuch")


@pytest.mark.django_db
def test_reconciliation_sees_a_wrong_candle_of_today():
    index = make_index()
    now = int(datetime.now(UTC).timestamp())
    tick({"sokemain": 100}, moment(now))
    assert list(queries.differences()) == []
    Candle.objects.filter(index=index, interval=5).update(low=1)
    (found,) = queries.differences()
    assert "sokemain 60min" in found.what
