"""The socket's frames of an index, encoded once for all who listen."""

import orjson

from indexes.rules import INTERVALS
from indexes.services import TickResult


def kline_channel(code: str) -> str:
    return f"index.kline.{code}"


def kline_frame(result: TickResult, ts: int) -> bytes:
    """All nine candles of an index; `ts` in milliseconds. Prices are JSON numbers with a fraction."""
    candles = {}
    for name, interval in INTERVALS.items():
        if candle := result.candles.get(interval):
            candles[name] = {
                "open": float(candle.open),
                "low": float(candle.low),
                "close": float(candle.close),
                "high": float(candle.high),
                "timestamp": candle.start,
            }
    return orjson.dumps({"ch": kline_channel(result.code), "ts": ts, "data": candles})
