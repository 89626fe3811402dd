"""A row of the table, and how its two figures are measured."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`measured` and `limit` in `unit`; the ratio is what counts, against `reach`."""

    name: str
    measured: float
    limit: float
    unit: str
    reach: float
    at_least: bool = True

    @property
    def ratio(self) -> float:
        return self.measured / self.limit

    @property
    def reached(self) -> bool:
        return self.ratio >= self.reach if self.at_least else self.ratio <= self.reach


def in_turns(measure: Callable[[], float], limit: Callable[[], float], turns: int = 3) -> tuple[float, float]:
    """Medians of both, measured alternately."""
    found = [(measure(), limit()) for _ in range(turns)]
    return statistics.median(a for a, _ in found), statistics.median(b for _, b in found)
