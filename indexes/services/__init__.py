"""What changes ticks, candles and their history."""

from indexes.services.candles import CandleRow, fill_gaps
from indexes.services.history import Mismatch, compare_candles, missing_minutes, prune_ticks, repair_candles
from indexes.services.ticks import TickResult, record_ticks, wanted_quotes

__all__ = [
    "CandleRow",
    "Mismatch",
    "TickResult",
    "compare_candles",
    "fill_gaps",
    "missing_minutes",
    "prune_ticks",
    "record_ticks",
    "repair_candles",
    "wanted_quotes",
]
