import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from indexes import health, queries
from indexes.encode import kline_frame
from indexes.models import Index
from indexes.tests.factories import make_index, tick

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    """The middle of this second's minute, so that a few seconds on it is still the same."""
    return datetime.now(UTC).replace(second=30, microsecond=0)


def state_of(index: Index) -> queries.PriceState:
    return queries.latest([index.pk])[index.pk]


def test_where_an_index_stands(now):
    index = make_index()
    for second, price in enumerate(["100", "102", "99.5", "101"]):
        tick({"sokemain": price}, now + timedelta(seconds=second))
    state = state_of(index)
    assert (state.last_price, state.open, state.high, state.low) == (D(101), D(100), D(102), D("99.5"))
    assert (state.quote_change, state.stale, state.ticked_at) == (D("0.01"), False, int(now.timestamp()) + 3)
    assert queries.latest([index.pk, 999]) == {index.pk: state}


def test_before_its_first_tick_an_index_is_stale_and_has_no_price():
    state = state_of(make_index())
    assert (state.last_price, state.open, state.quote_change, state.stale) == (None, None, D(0), True)


def test_on_a_day_without_a_tick_yet_the_last_price_is_the_days(now):
    index = make_index()
    tick({"sokemain": 100}, now - timedelta(days=2))
    state = state_of(index)
    assert (state.open, state.high, state.low, state.quote_change) == (D(100), D(100), D(100), D(0))


def test_clients_see_enabled_indexes_in_their_order():
    make_index("last", position=3)
    make_index("hidden", enabled=False)
    make_index("first", position=1)
    assert [listed.state.code for listed in queries.indexes()] == ["first", "last"]


def test_candles_come_oldest_first_as_numbers(now):
    index = make_index()
    start = now - timedelta(hours=1)
    for minute in range(10):
        tick({"sokemain": 100 + minute}, start + timedelta(minutes=minute))
    answer = queries.candles(index.pk, "1min", limit=3)
    first = int(start.timestamp()) - 30
    assert json.loads(answer) == [
        {"open": price, "low": price, "close": price, "high": price, "timestamp": first + 60 * (price - 100)}
        for price in (107, 108, 109)
    ]
    assert b'"open":107.0' in answer
    within = json.loads(queries.candles(index.pk, "1min", start=first + 60, end=first + 120))
    assert [candle["timestamp"] for candle in within] == [first + 60, first + 120]
    assert len(json.loads(queries.candles(index.pk, "1min"))) == 10
    assert json.loads(queries.candles(index.pk, "1mon", end=0)) == []
    with pytest.raises(KeyError):
        queries.candles(index.pk, "2min")


def test_reads_of_the_market_are_kept_for_half_a_second(settings):
    index = make_index()
    settings.MARKET_CACHE_SECONDS = 60
    queries.candles(index.pk, "5min")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        queries.candles(index.pk, "5min")
    assert len(asked) == 0
    with CaptureQueriesContext(connection) as asked:
        queries.latest([index.pk])
    assert len(asked) == 1


def test_a_kline_frame_is_the_documents():
    make_index()
    moment = datetime.fromtimestamp(1617262568, UTC)
    frame = kline_frame(tick({"sokemain": "3027.4376"}, moment)["sokemain"], 1617262568256)
    message = json.loads(frame)
    assert (message["ch"], message["ts"]) == ("index.kline.sokemain", 1617262568256)
    assert list(message["data"]) == ["1min", "5min", "15min", "30min", "60min", "4hour", "1day", "1week", "1mon"]
    assert message["data"]["4hour"] == {
        "open": 3027.4376,
        "low": 3027.4376,
        "close": 3027.4376,
        "high": 3027.4376,
        "timestamp": 1617249600,
    }
    tick({"sokemain": 3028}, moment + timedelta(seconds=60))
    assert b'"close":3028.0' in kline_frame(tick({"sokemain": 3028}, moment + timedelta(seconds=61))["sokemain"], 0)


def test_health_notices_an_engine_that_does_not_tick():
    assert health.engine() is None
    make_index()
    assert health.engine() is not None
    tick({"sokemain": 1}, datetime.now(UTC) - timedelta(seconds=20))
    assert health.engine() is not None
    # A stale index is the venues' fault: its engine is well.
    tick({}, datetime.now(UTC))
    assert health.engine() is None


def test_an_index_may_be_ticked_without_being_shown(now):
    make_index(enabled=False)
    assert tick({"sokemain": 1}, now)["sokemain"].price == 1
    assert queries.indexes() == []
    assert Index.objects.get().state.last_price == 1
