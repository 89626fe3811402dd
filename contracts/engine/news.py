"""What the web processes are told of a tick: finished frames, prices, and the market's answers, encoded once."""

import time

import orjson

from common.sockets import publish
from contracts import present, queries
from contracts.queries import Market, Volumes
from indexes.encode import kline_channel, kline_frame
from indexes.models import Index
from indexes.services import TickResult


def tell(results: list[TickResult]) -> None:
    """Everything about indexes that have a price, in one round trip. Indexes that are not listed answer no call."""
    stamp = time.time_ns() // 1_000_000
    volumes = queries.volumes()
    listed = set(Index.objects.filter(enabled=True).values_list("id", flat=True))
    frames: dict[str, bytes] = {}
    prices: dict[int, str] = {}
    answers: dict[str, bytes] = {}
    for result in results:
        market = _market(result, volumes)
        if market is None:
            continue
        channel = f"index.market.{result.code}"
        frames[kline_channel(result.code)] = kline_frame(result, stamp)
        frames[channel] = orjson.dumps({"ch": channel, "ts": stamp, "data": present.pushed_market(market)})
        prices[result.index_id] = str(market.last_price)
        if result.index_id in listed:
            answers[present.market_name(result.index_id)] = present.market_answer(market)
    publish.tick(frames, prices, answers)


def _market(result: TickResult, volumes: Volumes) -> Market | None:
    if result.last_price is None or result.day is None:
        return None
    return Market(
        index_id=result.index_id,
        code=result.code,
        last_price=result.last_price,
        open_price=result.day.open,
        high=result.day.high,
        low=result.day.low,
        stale=result.stale,
        trade_volume=volumes.traded.get(result.index_id, 0),
        position_volume=volumes.open.get(result.index_id, 0),
    )
