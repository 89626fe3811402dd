"""Venues by ccxt name: one asyncio thread reads the tickers of all exchanges, the engine takes the newest quotes."""

import asyncio
import atexit
import functools
import importlib
import logging
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings

from indexes.rules import is_possible
from indexes.venues import Quote, register
from indexes.venues.clock import Clock

PACE_SECONDS = 1.0
LONGEST_PAUSE = 30.0
# A list of markets is large; it is read once, and again where a symbol is not on it.
MARKETS_TIMEOUT = 30.0
MARKETS_AGAIN = 600.0
# An exchange that nobody asks for, as in an engine that lost the lead, is left in peace.
IDLE_SECONDS = 5.0
_LOGGED = 300
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)

logger = logging.getLogger(__name__)


class ExchangeVenue:
    """An exchange that ccxt knows. What is read was fetched before; `close` ends the fetching."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._wanted: frozenset[str] = frozenset()
        self._clock: Clock | None = None
        self._quotes: Mapping[str, Quote] = {}
        self._following: Future[None] | None = None
        self._markets_at = 0.0
        self._complaint = ""

    def read(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The newest quotes; the first call has none and begins to fetch."""
        self._wanted = frozenset(symbols)
        self._clock = Clock.ask()
        if self._following is None:
            self._following = asyncio.run_coroutine_threadsafe(self._follow(), _loop())
        quotes = self._quotes
        return {symbol: quotes[symbol] for symbol in self._wanted if symbol in quotes}

    def close(self) -> None:
        """Ends the fetching and its connections."""
        if self._following is not None:
            following, self._following = self._following, None
            following.cancel()

    async def _follow(self) -> None:
        """Fetches about once a second; after failures later and later, up to half a minute."""
        exchange: Any = None
        failures = 0
        try:
            while True:
                began = time.monotonic()
                try:
                    if exchange is None:
                        exchange = await _make(self._name)
                    if self._clock is not None and self._clock.age < IDLE_SECONDS:
                        await self._fetch_all(exchange)
                except Exception as error:
                    failures += 1
                    self._complain(error)
                    await asyncio.sleep(min(PACE_SECONDS * 2 ** min(failures - 1, 10), LONGEST_PAUSE))
                else:
                    failures = 0
                    await asyncio.sleep(max(0.0, began + PACE_SECONDS - time.monotonic()))
        finally:
            if exchange is not None:
                await exchange.close()

    async def _fetch_all(self, exchange: Any) -> None:
        """One fetch of all symbols wanted. Raises the first failure where every part of it failed."""
        await self._load_markets(exchange)
        groups = _groups(exchange, sorted(self._wanted & exchange.markets.keys()))
        outcomes = await asyncio.gather(*(self._fetch(exchange, group) for group in groups), return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if errors and len(errors) == len(groups):
            raise errors[0]
        if errors:
            self._complain(errors[0])
        elif unknown := sorted(self._wanted - exchange.markets.keys()):
            self._complain(LookupError(f"it does not know {', '.join(unknown)}"))
        elif self._complaint:
            self._complaint = ""
            logger.info("venue %s is read again", self._name)

    async def _load_markets(self, exchange: Any) -> None:
        age = time.monotonic() - self._markets_at
        if exchange.markets and (self._wanted <= exchange.markets.keys() or age < MARKETS_AGAIN):
            return
        exchange.timeout = int(MARKETS_TIMEOUT * 1000)
        async with asyncio.timeout(MARKETS_TIMEOUT):
            await exchange.load_markets(True)
        self._markets_at = time.monotonic()
        exchange.timeout = int(settings.VENUE_TIMEOUT * 1000)

    async def _fetch(self, exchange: Any, symbols: list[str]) -> None:
        """Fetches a group; a symbol that the answer has no valid price of has none from then on."""
        assert self._clock is not None
        since = self._clock.at_least(time.monotonic())
        async with asyncio.timeout(settings.VENUE_TIMEOUT):
            if len(symbols) == 1 and exchange.has["fetchTicker"]:
                tickers = [await exchange.fetch_ticker(symbols[0])]
            else:
                tickers = list((await exchange.fetch_tickers(symbols)).values())
        found = {ticker["symbol"]: quote for ticker in tickers if (quote := _quote(ticker, since))}
        others = {symbol: quote for symbol, quote in self._quotes.items() if symbol not in symbols}
        self._quotes = others | {symbol: found[symbol] for symbol in symbols if symbol in found}

    def _complain(self, error: BaseException) -> None:
        """Logs a failure, once as long as it stays the same."""
        complaint = f"{type(error).__name__}: {error}"[:_LOGGED]
        if complaint != self._complaint:
            self._complaint = complaint
            logger.warning("venue %s could not be read: %s", self._name, complaint)


def exchange_names() -> list[str]:
    """The exchanges that ccxt knows, found without importing it, which takes more than a second."""
    spec = find_spec("ccxt")
    assert spec is not None
    assert spec.origin is not None
    found = (Path(spec.origin).parent / "async_support").glob("*.py")
    return sorted(path.stem for path in found if path.stem != "__init__")


async def _make(name: str) -> Any:
    ccxt = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
    # Numbers stay the text that the exchange sent.
    return getattr(ccxt, name)({"number": str, **settings.VENUE_OPTIONS.get(name, {})})


def _groups(exchange: Any, symbols: list[str]) -> list[list[str]]:
    """What can be asked for at once: markets of one kind; or each symbol alone."""
    if not exchange.has["fetchTickers"]:
        return [[symbol] for symbol in symbols]
    kinds: defaultdict[tuple[Any, Any], list[str]] = defaultdict(list)
    for symbol in symbols:
        market = exchange.markets[symbol]
        kinds[market["type"], market.get("subType")].append(symbol)
    return list(kinds.values())


def _quote(ticker: Mapping[str, Any], since: datetime) -> Quote | None:
    """A ticker's last trade, else the middle of bid and ask; None where neither is a price."""
    price, bid, ask = (_price(ticker.get(name)) for name in ("last", "bid", "ask"))
    if price is None and bid is not None and ask is not None and bid <= ask:
        price = (bid + ask) / 2
    if price is None:
        return None
    milliseconds = ticker.get("timestamp")
    if not milliseconds:
        return Quote(price, since)
    with suppress(OverflowError, OSError, ValueError, TypeError):
        return Quote(price, since, datetime.fromtimestamp(milliseconds / 1000, UTC))
    return None


def _price(written: Any) -> Decimal | None:
    if not isinstance(written, str) or not _NUMBER.fullmatch(written):
        return None
    price = Decimal(written)
    return price if is_possible(price) else None


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """The thread's event loop, started when the first exchange is read."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="exchanges", daemon=True).start()
    atexit.register(_end, loop)
    return loop


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Lets every exchange close its connections before the process ends."""

    async def cancel_all() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(cancel_all(), loop).result(timeout=2)
    loop.call_soon_threadsafe(loop.stop)


for _name in exchange_names():
    register(_name, functools.partial(ExchangeVenue, _name))
