"""A market played from a file: JSON lines `{"at": seconds from the beginning, "prices": {symbol: "price"}}`."""

import bisect
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import orjson
from django.conf import settings

from indexes.rules import is_possible
from indexes.venues import REPLAY, Quote, register
from indexes.venues.clock import Clock

# How long the last line holds before the file begins again.
_LAST_SECONDS = 1.0


class RecordingError(ValueError):
    """A file that cannot be played; names the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """The prices that were read `at` seconds after the beginning; a symbol that is not there had none."""

    at: float
    prices: dict[str, Decimal]


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a recording, in the order of their times. Raises RecordingError."""
    before = 0.0
    for number, written in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found = orjson.loads(written)
            line = Line(float(found["at"]), {symbol: Decimal(price) for symbol, price in found["prices"].items()})
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise RecordingError(f"{path}: line {number} is no line of a recording") from error
        if line.at < before or not all(is_possible(price) for price in line.prices.values()):
            raise RecordingError(f"{path}: line {number} has an impossible time or price")
        before = line.at
        yield line


def write_line(line: Line) -> bytes:
    """A line as `read_lines` reads it."""
    prices = {symbol: str(price) for symbol, price in line.prices.items()}
    return orjson.dumps({"at": round(line.at, 3), "prices": prices}, option=orjson.OPT_APPEND_NEWLINE)


class ReplayVenue:
    """Plays a recording from the first reading on, in its own time, over and over.

    A quote is as old as its line: where the recording pauses, prices grow old as they did then.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lines = list(read_lines(path or Path(settings.REPLAY_FILE)))
        if not self._lines:
            raise RecordingError("the recording is empty")
        self._times = [line.at for line in self._lines]
        self._began: float | None = None

    def read(self, symbols: Iterable[str]) -> dict[str, Quote]:
        clock = Clock.ask()
        now = time.monotonic()
        if self._began is None:
            self._began = now
        first = self._times[0]
        played = first + (now - self._began) % (self._times[-1] - first + _LAST_SECONDS)
        line = self._lines[bisect.bisect_right(self._times, played) - 1]
        since = clock.at_least(now - (played - line.at))
        return {symbol: Quote(line.prices[symbol], since) for symbol in symbols if symbol in line.prices}


def register_replay() -> None:
    """Where the settings name a recording."""
    if settings.REPLAY_FILE:
        register(REPLAY, ReplayVenue)
