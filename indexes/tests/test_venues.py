from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction

from common import sql
from indexes import queries, services, venues
from indexes.models import Tick
from indexes.services import record_ticks
from indexes.tests.factories import EPOCH, make_index
from indexes.venues import Quote, Venues
from indexes.venues.simulated import SimulatedVenue, start_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def simulated_index():
    index = make_index(code="btc")
    index.baskets.get().constituents.update(symbol="BTC/USDT", venues=["simulated"])
    return index


def run(venue: Venues, seconds: int) -> list[D]:
    """Prices of some seconds, read and recorded as the engine does."""
    first = sql.database_time()
    prices = []
    for second in range(seconds):
        quotes = venue.read(services.wanted_quotes("main"))
        with transaction.atomic():
            (result,) = record_ticks("main", EPOCH, quotes, first + timedelta(seconds=second))
        assert result.price is not None
        assert result.simulated
        stored = Tick.objects.get(at=first.replace(microsecond=0) + timedelta(seconds=second))
        prices.append(D(stored.inputs["prices"]["BTC/USDT"]))
    return prices


def test_a_walk_begins_near_the_market_and_takes_small_steps(simulated_index):
    venue = SimulatedVenue(volatility=0.001, seed=1)
    before = start_price("BTC/USDT")
    for _ in range(200):
        price = venue.read(["BTC/USDT"])["BTC/USDT"].price
        assert abs(price / before - 1) <= D("0.00401")
        before = price
    assert before != start_price("BTC/USDT")


def test_with_a_seed_a_walk_is_the_same_whatever_else_is_read():
    alone = SimulatedVenue(seed=7)
    together = SimulatedVenue(seed=7)
    for _ in range(20):
        assert alone.read(["ETH/USDT"])["ETH/USDT"].price == together.read(["X", "ETH/USDT"])["ETH/USDT"].price


def test_a_walk_goes_on_after_a_restart_from_the_last_stored_price(simulated_index):
    last = run(Venues(), 3)[-1]
    assert last != start_price("BTC/USDT")
    restarted = SimulatedVenue(volatility=0.0)
    assert restarted.read(["BTC/USDT"])["BTC/USDT"].price == last
    assert restarted.read(["ETH/USDT"])["ETH/USDT"].price == 3000


def test_a_fetch_is_dated_by_the_databases_clock_before_it_began():
    before = sql.database_time()
    since = SimulatedVenue().read(["BTC/USDT"])["BTC/USDT"].fetched_since
    assert before < since < sql.database_time()


def test_what_is_simulated_says_so_wherever_its_price_shows(simulated_index):
    run(Venues(), 1)
    assert Tick.objects.get().simulated
    assert queries.latest([simulated_index.pk])[simulated_index.pk].simulated
    assert queries.indexes()[0].state.simulated


def test_production_has_no_simulated_prices_unless_told(simulated_index, settings, caplog):
    settings.ALLOW_SIMULATED = False
    assert "simulated" not in venues.names()
    venue = Venues()
    assert venue.read(services.wanted_quotes("main")) == {}
    assert venue.read(services.wanted_quotes("main")) == {}
    assert len(caplog.records) == 1
    with transaction.atomic():
        (result,) = record_ticks("main", EPOCH, {}, sql.database_time())
    assert result.stale
    assert result.stale_reason == "no_price BTC/USDT"


def test_a_venue_that_fails_takes_no_other_with_it(caplog, monkeypatch):
    class Broken:
        def read(self, symbols):
            raise TimeoutError

    class Good:
        def read(self, symbols):
            return {symbol: Quote(D(1), datetime.now(UTC)) for symbol in symbols}

    monkeypatch.setattr(venues, "_makers", {"broken": Broken, "good": Good})
    assert list(Venues().read({"broken": ["x"], "good": ["x"]})) == ["good"]
    assert "venue broken could not be read" in caplog.text
