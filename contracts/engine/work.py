"""What waits to be executed at a tick, and carrying it out in batches that never block each other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile

import structlog
from django.db import DatabaseError, connection, transaction

from common import sql
from contracts import rules
from contracts.engine.execution import Execution, Moment, execute_closes, execute_exits, execute_marks, execute_opens
from contracts.models import MOST_ATTEMPTS
from indexes.leadership import Fenced, LeadershipLost
from market_making.queries import overdue

log = structlog.get_logger(__name__)

BATCH = 200
# So few positions close for a leaving pledge in a second; the next second looks again.
EXITS_AT_ONCE = 200
LONGEST_ERROR = 200

_MARKED = """
SELECT p.id FROM contracts_position AS p JOIN indexes_index AS i ON i.id = p.index_id
WHERE p.closed_at IS NULL AND p.mark <> '' AND p.attempts < %s AND i.shard = %s ORDER BY p.id
"""
_WAITING = """
SELECT o.id
FROM unnest(%s::bigint[], %s::timestamptz[]) AS t (index_id, since)
CROSS JOIN LATERAL (
    SELECT id FROM contracts_order
    WHERE index_id = t.index_id AND status = 'pending' AND price_type = 'market' AND kind = %s
        AND created_at < t.since AND attempts < %s
) AS o
ORDER BY o.id
"""
_REACHED_LIMITS = """
SELECT o.id
FROM unnest(%s::bigint[], %s::timestamptz[], %s::numeric[], %s::numeric[]) AS t (index_id, since, buy, sell)
CROSS JOIN LATERAL (
    SELECT id FROM contracts_order
    WHERE index_id = t.index_id AND status = 'pending' AND price_type = 'limit'
        AND direction = 1 AND price >= t.buy AND created_at < t.since AND attempts < %s
    UNION ALL
    SELECT id FROM contracts_order
    WHERE index_id = t.index_id AND status = 'pending' AND price_type = 'limit'
        AND direction = -1 AND price <= t.sell AND created_at < t.since AND attempts < %s
) AS o
ORDER BY o.id
"""


_OLDEST = """
SELECT p.id, p.index_id, i.shard
FROM contracts_position AS p JOIN indexes_index AS i ON i.id = p.index_id
WHERE p.closed_at IS NULL AND p.mark = '' ORDER BY p.id LIMIT %s
"""


def marked(shard: str) -> list[int]:
    """Positions whose mark has not executed yet, of this tick or an earlier one."""
    return [row[0] for row in sql.rows(_MARKED, [MOST_ATTEMPTS, shard])]


def waiting_closes(moment: Moment) -> list[int]:
    """Closes that arrived before the tick's prices were fetched, oldest first."""
    return _waiting(moment, "close")


def reached_opens(moment: Moment) -> list[int]:
    """Limit orders that the tick reaches, then market orders, oldest first; all older than the tick's prices."""
    live = list(moment.indexes.values())
    limits = sql.rows(
        _REACHED_LIMITS,
        [
            [index.id for index in live],
            [index.since for index in live],
            [rules.fill_price(index.price, rules.BUY, index.terms.spread) for index in live],
            [rules.fill_price(index.price, rules.SELL, index.terms.spread) for index in live],
            MOST_ATTEMPTS,
            MOST_ATTEMPTS,
        ],
    )
    return [row[0] for row in limits] + _waiting(moment, "open")


def leaving_pools_positions(moment: Moment) -> list[int]:
    """The positions opened first, where a pledge that leaves has not been paid in full for 7 days.

    Of all engines' positions the first ones, up to one that this engine cannot close now: another's, or one without a
    price.
    """
    if not overdue():
        return []
    oldest = sql.rows(_OLDEST, [EXITS_AT_ONCE])
    mine = takewhile(lambda row: row[2] == moment.shard and row[1] in moment.indexes, oldest)
    return [row[0] for row in mine]


def _waiting(moment: Moment, kind: str) -> list[int]:
    live = list(moment.indexes.values())
    found = sql.rows(_WAITING, [[index.id for index in live], [index.since for index in live], kind, MOST_ATTEMPTS])
    return [row[0] for row in found]


@dataclass(slots=True)
class Work:
    """What a second carried out: the clients concerned, how many positions and orders, and how many failures."""

    touched: set[int] = field(default_factory=set)
    executions: int = 0
    failures: int = 0


def execute_all(moment: Moment, go_on: Callable[[], bool]) -> Work:
    """Carries out marks, closes, opens and the pool's exits, in this order, while `go_on` says so.

    What is left over is found again at the next tick.
    """
    work = Work()
    stages: list[tuple[Execution, Callable[[], list[int]], str]] = [
        (execute_marks, lambda: marked(moment.shard), "contracts_position"),
        (execute_closes, lambda: waiting_closes(moment), "contracts_order"),
        (execute_opens, lambda: reached_opens(moment), "contracts_order"),
        (execute_exits, lambda: leaving_pools_positions(moment), "contracts_position"),
    ]
    for execution, find, table in stages:
        found = find()
        for start in range(0, len(found), BATCH):
            if not go_on():
                return work
            _execute(execution, moment, found[start : start + BATCH], table, work)
    return work


def _execute(execution: Execution, moment: Moment, ids: list[int], table: str, work: Work) -> None:
    """One batch; where it fails, each by itself, so that one that fails stops no other."""
    try:
        work.touched |= execution(moment, ids)
        work.executions += len(ids)
        return
    except (Fenced, LeadershipLost):
        raise
    except Exception as error:
        if isinstance(error, DatabaseError) and not connection.is_usable():
            raise
        if len(ids) == 1:
            work.failures += 1
            _count_failure(table, ids[0], error)
            return
        log.warning("batch_failed", execution=execution.__name__, size=len(ids), error=str(error))
    for one in ids:
        _execute(execution, moment, [one], table, work)


@transaction.atomic
def _count_failure(table: str, row_id: int, error: Exception) -> None:
    [(attempts,)] = sql.rows(
        f"UPDATE {table} SET attempts = attempts + 1, error = %s WHERE id = %s RETURNING attempts",
        [f"{type(error).__name__}: {error}".strip()[:LONGEST_ERROR], row_id],
    )
    write = log.error if attempts >= MOST_ATTEMPTS else log.warning
    write("execution_failed", table=table, id=row_id, attempts=attempts, error=str(error), exc_info=error)
