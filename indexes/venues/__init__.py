"""Where prices come from: venues by name, and one reading of many."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.conf import settings

SIMULATED = "simulated"
REPLAY = "replay"
# Venues whose prices are not of any market now.
MADE_UP = frozenset({SIMULATED, REPLAY})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quote:
    """A venue's price of a symbol. `fetched_since` is a time by the database's clock, not later than the fetch began;
    `quoted_at` the venue's own time of the price, where it gives one."""

    price: Decimal
    fetched_since: datetime
    quoted_at: datetime | None = None


class Venue(Protocol):
    def read(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The quotes of those symbols that the venue has a price of, at once: a slow venue is read in advance."""


# {venue: {symbol: quote}}
Observations = Mapping[str, Mapping[str, Quote]]
_makers: dict[str, Callable[[], Venue]] = {}


def register(name: str, make: Callable[[], Venue]) -> None:
    """Adds a venue; an engine makes one of its own when it first reads it."""
    _makers[name] = make


def names() -> list[str]:
    """The venues that baskets may name here. Those made up are none in production, unless settings allow them."""
    return sorted(name for name in _makers if name not in MADE_UP or settings.ALLOW_SIMULATED)


class Venues:
    """The venues of one engine, with what they remember."""

    def __init__(self) -> None:
        self._made: dict[str, Venue] = {}
        self._unknown: set[str] = set()

    def read(self, wanted: Mapping[str, Iterable[str]]) -> Observations:
        """Reads {venue: symbols}. A venue that fails, or that is not allowed here, has no quotes."""
        observed: dict[str, dict[str, Quote]] = {}
        for name, symbols in wanted.items():
            try:
                if venue := self._venue(name):
                    observed[name] = venue.read(symbols)
            except Exception:
                logger.exception("venue %s could not be read", name)
        return observed

    def _venue(self, name: str) -> Venue | None:
        if name not in self._made and name in names():
            self._made[name] = _makers[name]()
        if name not in self._made and name not in self._unknown:
            self._unknown.add(name)
            logger.error("venue %s is not known or not allowed here; it has no prices", name)
        return self._made.get(name)
