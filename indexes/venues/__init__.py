"""Where prices come from: venues by name, and one reading of many."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.conf import settings

SIMULATED = "simulated"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quote:
    """A venue's price of a symbol. `fetched_since` is the database's clock, asked before the fetch began."""

    price: Decimal
    fetched_since: datetime


class Venue(Protocol):
    def read(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The quotes of those symbols that the venue has a price of."""


# {venue: {symbol: quote}}
Observations = Mapping[str, Mapping[str, Quote]]
_makers: dict[str, Callable[[], Venue]] = {}


def register(name: str, make: Callable[[], Venue]) -> None:
    """Adds a venue; an engine makes one of its own when it first reads it."""
    _makers[name] = make


def names() -> list[str]:
    """The venues that baskets may name here. `simulated` is none in production, unless settings allow it."""
    return sorted(name for name in _makers if name != SIMULATED or settings.ALLOW_SIMULATED)


class Venues:
    """The venues of one engine, with what they remember."""

    def __init__(self) -> None:
        self._made: dict[str, Venue] = {}
        self._unknown: set[str] = set()

    def read(self, wanted: Mapping[str, Iterable[str]]) -> Observations:
        """Reads {venue: symbols}. A venue that fails, or that is not allowed here, has no quotes."""
        observed: dict[str, dict[str, Quote]] = {}
        for name, symbols in wanted.items():
            venue = self._venue(name)
            if venue is None:
                continue
            try:
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
