"""Real ccxt over HTTP, against a local server that speaks the formats of two exchanges and fails on demand."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import ccxt.async_support  # noqa: F401 -- takes a second, which no reading is to be blamed for
import pytest
from django.db import transaction

from common import sql
from indexes import services, venues
from indexes.models import IndexState, Tick
from indexes.services import TickResult
from indexes.tests.exchange_server import Binance, Exchange, Okx
from indexes.tests.factories import EPOCH, make_index
from indexes.venues import Quote, exchange
from indexes.venues.clock import Clock
from indexes.venues.exchange import ExchangeVenue

pytestmark = pytest.mark.django_db
PRICES = {"BTC/USDT": "60000.10", "ETH/USDT": "3000.123456789012345678", "SOL/USDT": "150"}
TIMEOUT = 1.0
# No reading may take as long as waiting for an exchange does, whatever the exchange does.
AT_ONCE = TIMEOUT / 2
FAULTS = ["slow", "wrong", "error", "html", "truncated", "limited", "nonsense", "gone"]


@dataclass
class Market:
    """The two exchanges, and the venues that read them."""

    servers: dict[str, Exchange]
    venues: dict[str, ExchangeVenue]

    def read(self, *symbols: str) -> dict[str, dict[str, Quote]]:
        began = time.monotonic()
        found = {name: venue.read(symbols) for name, venue in self.venues.items()}
        assert time.monotonic() - began < AT_ONCE * len(found)
        return found

    def until(self, holds: Callable[[dict[str, dict[str, Quote]]], bool], *symbols: str, seconds: float = 15) -> None:
        """Reads again and again until it holds."""
        end = time.monotonic() + seconds
        while not holds(found := self.read(*symbols)):
            assert time.monotonic() < end, found
            time.sleep(0.02)

    def fail(self, name: str, fault: str) -> None:
        if fault == "gone":
            self.servers[name].stop()
        else:
            self.servers[name].fault = fault

    def recover(self, name: str) -> None:
        if self.servers[name].fault == "slow" or not self.servers[name].listens:
            self.servers[name].stop()
            self.servers[name].start()
        self.servers[name].fault = ""


@pytest.fixture
def market(settings, monkeypatch) -> Iterator[Market]:
    monkeypatch.setattr(exchange, "PACE_SECONDS", 0.1)
    monkeypatch.setattr(exchange, "LONGEST_PAUSE", 0.4)
    settings.VENUE_TIMEOUT = TIMEOUT
    servers: dict[str, Exchange] = {"binance": Binance(PRICES), "okx": Okx(PRICES)}
    for server in servers.values():
        server.start()
    settings.VENUE_OPTIONS = {name: {**server.options(), "enableRateLimit": False} for name, server in servers.items()}
    made = Market(servers, {name: ExchangeVenue(name) for name in servers})
    yield made
    for venue in made.venues.values():
        venue.close()
    for server in servers.values():
        server.stop()


def everything(found: dict[str, dict[str, Quote]]) -> bool:
    return all(found.values())


def test_prices_are_the_text_that_the_exchange_sent_and_dated_before_the_fetch(market):
    before = sql.database_time()
    assert market.read("BTC/USDT", "ETH/USDT") == {"binance": {}, "okx": {}}
    market.until(everything, "BTC/USDT", "ETH/USDT")
    for quotes in market.read("BTC/USDT", "ETH/USDT").values():
        assert {symbol: quote.price for symbol, quote in quotes.items()} == {
            "BTC/USDT": D("60000.10"),
            "ETH/USDT": D("3000.123456789012345678"),
        }
        for quote in quotes.values():
            assert before < quote.fetched_since < sql.database_time()
            assert quote.quoted_at is not None
            assert abs(quote.quoted_at - quote.fetched_since) < timedelta(seconds=5)


def test_all_symbols_of_a_kind_are_one_request_and_markets_are_loaded_once(market):
    market.until(everything, "BTC/USDT", "ETH/USDT")
    binance, okx = (market.servers[name] for name in ("binance", "okx"))
    market.until(lambda _: min(len(binance.requests), len(okx.requests)) > 12, "BTC/USDT", "ETH/USDT")
    assert {path.split("?")[0] for path in binance.requests[3:]} == {"/api/v3/ticker/24hr"}
    assert all("symbols=" in path for path in binance.requests[3:])
    assert {path.split("?")[0] for path in okx.requests[6:]} == {"/api/v5/market/tickers"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("failing", ["binance", "okx"])
def test_a_fault_shows_no_price_stops_nobody_else_and_passes(market, failing, fault):
    healthy = "okx" if failing == "binance" else "binance"
    market.until(everything, "BTC/USDT")
    market.fail(failing, fault)
    moved = {"BTC/USDT": "61000", "ETH/USDT": "3100", "SOL/USDT": "151"}
    market.servers[failing].prices = market.servers[healthy].prices = moved
    market.until(lambda found: found[healthy]["BTC/USDT"].price == 61000, "BTC/USDT")
    # What was on its way when the fault began may still arrive.
    time.sleep(0.6)
    kept = market.read("BTC/USDT")[failing]
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        assert market.read("BTC/USDT")[failing] == kept
        time.sleep(0.05)
    assert fault != "wrong" or not kept
    assert all(quote.price == D("60000.10") for quote in kept.values())
    market.recover(failing)
    market.until(lambda found: "BTC/USDT" in found[failing] and found[failing]["BTC/USDT"].price == 61000, "BTC/USDT")


def test_failures_are_tried_again_later_and_later_and_logged_once(market, monkeypatch, caplog):
    monkeypatch.setattr(exchange, "LONGEST_PAUSE", 0.8)
    market.until(everything, "BTC/USDT")
    market.fail("binance", "error")
    caplog.clear()
    server = market.servers["binance"]
    before = len(server.requests)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        market.read("BTC/USDT")
        time.sleep(0.05)
    assert 3 <= len(server.requests) - before <= 7
    assert [record.getMessage().split(":")[0] for record in caplog.records if record.name == exchange.__name__] == [
        "venue binance could not be read"
    ]
    market.recover("binance")
    with caplog.at_level("INFO"):
        market.until(lambda _: "venue binance is read again" in caplog.text, "BTC/USDT")


def test_an_exchange_that_nobody_reads_is_left_in_peace(market, monkeypatch):
    monkeypatch.setattr(exchange, "IDLE_SECONDS", 0.3)
    market.until(everything, "BTC/USDT")
    time.sleep(0.8)
    before = len(market.servers["okx"].requests)
    time.sleep(0.5)
    assert len(market.servers["okx"].requests) == before
    market.until(lambda _: len(market.servers["okx"].requests) > before, "BTC/USDT")


def test_an_exchange_that_is_gone_when_the_engine_starts_is_found_later(market):
    market.fail("okx", "gone")
    market.until(lambda found: "BTC/USDT" in found["binance"], "BTC/USDT")
    assert market.read("BTC/USDT")["okx"] == {}
    market.recover("okx")
    market.until(everything, "BTC/USDT")


def test_a_symbol_that_an_exchange_does_not_know_takes_no_other_with_it(market, caplog):
    market.until(lambda found: all("BTC/USDT" in quotes for quotes in found.values()), "BTC/USDT", "NONE/USDT")
    market.until(lambda _: "okx could not be read: LookupError: it does not know NONE/USDT" in caplog.text, "NONE/USDT")


def second(market: Market, at: datetime) -> TickResult:
    with transaction.atomic():
        (result,) = services.record_ticks("main", EPOCH, market.read("BTC/USDT"), at)
    return result


@pytest.mark.parametrize("fault", ["swapped", "tenfold", "frozen", "gone"])
def test_one_bad_exchange_of_two_makes_an_index_stale_until_it_recovers(market, settings, fault):
    settings.QUOTE_MAX_AGE = 1.5
    index = make_index(code="btc")
    index.baskets.get().constituents.update(symbol="BTC/USDT", venues=["binance", "okx"], allow_single_venue=False)
    market.until(everything, "BTC/USDT")
    start = sql.database_time()
    result = second(market, start)
    assert (result.price, result.simulated) == (D("60000.1"), False)
    if fault == "frozen":
        market.servers["okx"].freeze()
    else:
        market.fail("okx", fault)
    for _ in range(5):
        time.sleep(0.5)
        market.read("BTC/USDT")
    stale = second(market, sql.database_time())
    assert stale.price is None
    assert stale.stale_reason == "no_price BTC/USDT"
    state = IndexState.objects.get(index=index)
    if fault == "frozen":
        assert state.inputs["left_out"]["BTC/USDT"]["okx"][2] == "frozen"
    elif fault == "gone":
        assert state.inputs["left_out"]["BTC/USDT"]["okx"][2] == "old"
    else:
        assert sorted(state.inputs["quotes"]["BTC/USDT"]) == ["binance", "okx"]
    market.recover("okx")
    for _ in range(3):
        time.sleep(0.5)
        market.read("BTC/USDT")
    assert second(market, sql.database_time()).price == D("60000.1")
    assert IndexState.objects.get(index=index).inputs is None
    assert {tick.simulated for tick in Tick.objects.all()} == {False}


def test_a_quote_is_the_last_trade_or_the_middle_of_the_book_or_none():
    since = datetime(2026, 3, 10, tzinfo=UTC)

    def price(**ticker: object) -> D | None:
        quote = exchange._quote(ticker, since)
        return None if quote is None else quote.price

    assert price(last="3", bid="1", ask="2") == 3
    assert price(last=None, bid="1", ask="2") == D("1.5")
    assert price(last="0", bid="1e-7", ask="2E-7") == D("1.5e-7")
    for wrong in (None, "0", "-1", "NaN", "Infinity", "1e400", "１２", "0x10", " 1", "1_000", 3.0, 3, {}):
        assert price(last=wrong) is None
    assert price(bid="2", ask="1") is None
    assert price(bid="1") is None
    dated = exchange._quote({"last": "3", "timestamp": 1773100800000}, since)
    assert dated == Quote(D(3), since, datetime(2026, 3, 10, tzinfo=UTC))
    assert exchange._quote({"last": "3", "timestamp": 10**30}, since) is None


def test_the_databases_clock_is_never_taken_to_be_ahead():
    for _ in range(50):
        moment = time.monotonic()
        clock = Clock.ask()
        for past in (moment, clock.answered):
            assert clock.at_least(past) < sql.database_time()
        later = time.monotonic()
        assert clock.at_least(later) <= sql.database_time()
        assert sql.database_time() - clock.at_least(time.monotonic()) < timedelta(seconds=0.5)


def test_baskets_may_name_any_exchange_and_nobody_imports_ccxt_for_that():
    assert {"binance", "okx", "kraken", "coinbase"} < set(venues.names())
    assert not {"base", "__init__"} & set(venues.names())
    script = (
        "import django, sys; django.setup(); from indexes import venues; "
        "sys.exit('binance' not in venues.names() or 'ccxt' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
