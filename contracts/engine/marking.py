"""Marks: what a tick decides about open positions, in the tick's own commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common import sql
from contracts import rules
from contracts.engine.batch import POSITION_COLUMNS, OpenPosition
from contracts.rules import Protection
from market_making.book import PoolBook

# Both partial indexes are asked for each index's price; no other position is read.
_REACHED = """
SELECT p.id
FROM unnest(%s::bigint[], %s::numeric[]) AS t (index_id, price)
CROSS JOIN LATERAL (
    SELECT id FROM contracts_position
    WHERE index_id = t.index_id AND closed_at IS NULL AND mark = '' AND lower_trigger >= t.price
    UNION ALL
    SELECT id FROM contracts_position
    WHERE index_id = t.index_id AND closed_at IS NULL AND mark = '' AND upper_trigger <= t.price
) AS p
"""


@dataclass(frozen=True, slots=True)
class MarkTick:
    """A tick that marks: the index's price, and the time since which its prices were fetched."""

    price: Decimal
    since: datetime


def mark_reached(ticks: Mapping[int, MarkTick]) -> int:
    """Marks the positions that these ticks (by index id) reach; the number marked.

    To be called in the tick's transaction. Locks the positions by id, then the pool; a marked position leaves the
    running sums and its fixed result counts instead.
    """
    found = sql.rows(_REACHED, [list(ticks), [tick.price for tick in ticks.values()]])
    if not found:
        return 0
    ids = sorted({row[0] for row in found})
    open_unmarked = "id = ANY (%s) AND closed_at IS NULL AND mark = ''"
    sql.execute(f"SELECT 1 FROM contracts_position WHERE {open_unmarked} ORDER BY id FOR NO KEY UPDATE", [ids])
    positions = [
        OpenPosition.of_row(row)
        for row in sql.rows(f"SELECT {POSITION_COLUMNS} FROM contracts_position WHERE {open_unmarked}", [ids])
    ]
    book = PoolBook.locked()
    marks = []
    for p in positions:
        tick = ticks[p.index_id]
        price = tick.price
        # A client's trigger must not see what was known when it was set.
        seen = p.protected_at is not None and p.protected_at < tick.since
        mark = rules.reached(p.direction, price, p.stake, p.terms, p.protection if seen else Protection())
        if not mark:
            continue
        result = rules.closing(p.direction, p.stake, p.terms, p.stake.volume, price, kind=mark).profit
        book.shift(
            index_id=p.index_id,
            direction=p.direction,
            tick=price,
            quantity=-rules.quantity(p.stake.volume, p.terms),
            notional=-p.stake.notional,
        )
        book.marked_result += result
        book.marked += 1
        marks.append((p.id, mark, price, result))
    if marks:
        sql.execute(
            """
            UPDATE contracts_position AS p
            SET mark = m.mark, mark_price = m.price, mark_result = m.result, marked_at = clock_timestamp()
            FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::numeric[]) AS m (id, mark, price, result)
            WHERE p.id = m.id
            """,
            [list(column) for column in zip(*marks, strict=True)],
        )
        book.save()
    return len(marks)
