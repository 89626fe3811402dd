"""What a second decides: ticks, candles and marks, in one commit."""

from datetime import UTC, datetime

from django.db import transaction

from common import sql
from contracts.engine.execution import LiveIndex, Moment
from contracts.engine.marking import mark_reached
from contracts.rules import Terms
from indexes.services import TickResult, record_ticks
from indexes.venues import Observations

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

    Returns what happened to each index, and the moment that orders are executed by: the indexes that have a price
    now, under the terms of now. Raises indexes.leadership.Fenced when another engine leads.
    """
    results = record_ticks(shard, epoch, observations, at)
    ticked = {result.index_id: result for result in results if result.price is not None}
    mark_reached({index_id: result.price for index_id, result in ticked.items() if result.price is not None})
    if at is None:
        at = datetime.fromtimestamp(results[0].at, UTC) if results else sql.database_time()
    live = {}
    for index_id, volume, interest, enabled, *terms in sql.rows(_TERMS, [shard]):
        result = ticked.get(index_id)
        if result is not None and result.price is not None and result.since is not None:
            live[index_id] = LiveIndex(index_id, result.price, result.since, Terms(*terms), volume, interest, enabled)
    return results, Moment(shard, epoch, at, live)
