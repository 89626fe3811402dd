"""A market that is made up: a random walk for each symbol."""

import math
import random
from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings

from common import sql
from indexes.venues import SIMULATED, Quote, register

_START = {
    "BTC": Decimal(60000),
    "ETH": Decimal(3000),
    "BNB": Decimal(600),
    "SOL": Decimal(150),
    "XRP": Decimal("0.5"),
    "ADA": Decimal("0.4"),
    "DOGE": Decimal("0.12"),
    "LTC": Decimal(80),
    "DOT": Decimal(6),
    "LINK": Decimal(14),
    "UNI": Decimal(8),
    "AAVE": Decimal(95),
}
_OTHER = Decimal(100)
_WIDEST = 4.0
_DIGITS = 10


def start_price(symbol: str) -> Decimal:
    """Where the walk of a symbol such as `BTC/USDT` begins."""
    return _START.get(symbol.split("/")[0], _OTHER)


class SimulatedVenue:
    """Each reading is one step: the price times e^(volatility × a normal draw cut at four).

    A walk goes on from the last stored price of its symbol. With a seed the steps are always the same.
    """

    def __init__(self, volatility: float | None = None, seed: int | None = None) -> None:
        self._volatility = settings.SIMULATED_VOLATILITY if volatility is None else volatility
        self._seed = seed
        self._prices: dict[str, Decimal] = {}
        self._draws: dict[str, random.Random] = {}

    def read(self, symbols: Iterable[str]) -> dict[str, Quote]:
        since = sql.database_time()
        return {symbol: Quote(self._step(symbol), since) for symbol in symbols}

    def _step(self, symbol: str) -> Decimal:
        if symbol not in self._prices:
            self._prices[symbol] = _stored_price(symbol) or start_price(symbol)
            self._draws[symbol] = random.Random(None if self._seed is None else f"{self._seed} {symbol}")
        draw = max(-_WIDEST, min(_WIDEST, self._draws[symbol].gauss(0.0, 1.0)))
        moved = self._prices[symbol] * Decimal(math.exp(self._volatility * draw))
        self._prices[symbol] = Decimal(f"{moved:.{_DIGITS}g}")
        return self._prices[symbol]


def _stored_price(symbol: str) -> Decimal | None:
    """The symbol's price in the newest tick that has one; every index keeps at least its last tick."""
    found = sql.row(
        """
        SELECT t.inputs -> 'prices' ->> %s
        FROM indexes_indexstate AS s
        JOIN indexes_tick AS t ON t.index_id = s.index_id AND t.at = to_timestamp(s.ticked_at)
        WHERE jsonb_exists(t.inputs -> 'prices', %s) AND t.simulated
        ORDER BY t.at DESC
        LIMIT 1
        """,
        [symbol, symbol],
    )
    return Decimal(found[0]) if found else None


register(SIMULATED, SimulatedVenue)
