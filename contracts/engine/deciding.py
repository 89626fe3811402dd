"""What a second decides: ticks, candles and marks, in one commit."""

from datetime import UTC, datetime

from django.db import transaction

from common import sql
from contracts.engine.execution import LiveIndex, Moment
from contracts.engine.marking import MarkTick, mark_reached
from contracts.rules import Terms
from indexes.services import TickResult, record_ticks
from indexes.venues import Observations
from operations import halts

_TERMS = """
SELECT id, max_position_volume, max_open_interest, enabled,
    lever, fee_rate, mmr, liquidation_fee_rate, max_profit_rate, contract_size, spread
FROM indexes_index WHERE shard = %s
"""


@transaction.atomic
def decide(
    shard: str, epoch: int, observations: Observations, at: datetime | None = None
) -> tuple[list[TickResult], Moment]:
    """Ticks the shard's indexes (at `at`; None: now, by the database's clock, once it has their locks) and marks the
    positions that this reaches.

    An index that is halted whole is ticked, but marks nothing. Returns what happened to each index, and the moment that
    orders are executed by: the indexes that have a price now, under the terms and halts of now.
    Raises indexes.leadership.Fenced when another engine leads.
    """
    results = record_ticks(shard, epoch, observations, at)
    ticked = {
        result.index_id: MarkTick(result.price, result.since)
        for result in results
        if result.price is not None and result.since is not None
    }
    halted = halts.of_indexes(ticked)
    mark_reached({index_id: tick for index_id, tick in ticked.items() if "all" not in halted[index_id]})
    if at is None:
        at = datetime.fromtimestamp(results[0].at, UTC) if results else sql.database_time()
    live = {}
    for index_id, volume, interest, enabled, *terms in sql.rows(_TERMS, [shard]):
        tick = ticked.get(index_id)
        if tick is not None:
            live[index_id] = LiveIndex(
                index_id, tick.price, tick.since, Terms(*terms), volume, interest, enabled, halted[index_id]
            )
    return results, Moment(shard, epoch, at, live)
