"""The pool under its lock: read once, changed in memory, written once."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from common.money import ZERO
from ledger.accounts import PlatformAccount
from market_making import rules
from market_making.locks import lock_pool
from market_making.rules import Sums

SENTENCES = {
    "pool_exhausted": _("The market pool cannot back this position now."),
    "open_interest": _("The largest open interest of this index is reached."),
    "net_exposure": _("The index is too one-sided for this direction now."),
    "index_reserve": _("What the pool reserves for this index is used up."),
}


@dataclass(slots=True)
class PoolBook:
    """Equity, reserved amount, units and sums of the pool, as of the lock and this transaction's changes."""

    equity: Decimal
    reserved: Decimal
    units: Decimal
    counted: Decimal
    marked_result: Decimal
    marked: int
    uncounted: Decimal
    sums: dict[tuple[int, int], Sums]
    prices: dict[int, Decimal]
    _profit: Decimal = ZERO
    _changed: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def locked(cls) -> "PoolBook":
        """Locks the pool and reads it. Nothing else may be locked afterwards."""
        lock_pool()
        return cls.read()

    @classmethod
    def read(cls) -> "PoolBook":
        """Reads the pool; without its lock, for show alone."""
        found = sql.row(
            """
            SELECT
                a.balance - a.floor, p.reserved, p.units, p.units_leaving, p.marked_result, p.marked,
                (
                    -- At least what they are: before an unfinished settlement reached them, their units are old
                    -- ones, and afterwards a unit is worth 1.
                    SELECT coalesce(sum(g.units * CASE
                        WHEN s.id IS NULL OR g.id <= s.cursor OR g.id > s.last THEN 1
                        ELSE greatest(1, (s.equity - s.profit) / s.units + 1e-9)
                    END), 0)
                    FROM market_making_pledge AS g LEFT JOIN market_making_settlement AS s ON s.finished_at IS NULL
                    WHERE g.cancelled_at IS NOT NULL AND NOT g.counted
                )
            FROM market_making_pool AS p, ledger_account AS a
            WHERE p.id = 1 AND a.id = %s
            """,
            [int(PlatformAccount.POOL_RESULT)],
        )
        assert found is not None
        equity, reserved, units, counted, marked_result, marked, uncounted = found
        exposures = sql.rows(
            """
            SELECT e.index_id, e.direction, e.quantity, e.notional, e.bound, e.volume, s.last_price
            FROM market_making_exposure AS e
            JOIN indexes_indexstate AS s ON s.index_id = e.index_id
            WHERE s.last_price IS NOT NULL
            """
        )
        book = cls(
            equity,
            reserved,
            units,
            counted,
            marked_result,
            marked,
            uncounted,
            sums={(index, direction): Sums(*sums) for index, direction, *sums, _price in exposures},
            prices={row[0]: row[6] for row in exposures},
        )
        book._profit = sum(
            (rules.unrealised(direction, book.prices[index], s) for (index, direction), s in book.sums.items()), ZERO
        )
        return book

    @property
    def leaving(self) -> Decimal:
        """Units of every cancelled pledge: those the pool's row has counted, and those cancelled since."""
        return min(self.counted + self.uncounted, self.units)

    @property
    def profit(self) -> Decimal:
        """U: the traders' unrealised profit, marked positions at their fixed result."""
        return self._profit + self.marked_result

    @property
    def value(self) -> Decimal:
        """V: what the units are worth together."""
        return self.equity - self.profit

    def of(self, index_id: int, direction: int) -> Sums:
        return self.sums.get((index_id, direction), Sums())

    def admit(
        self,
        *,
        index_id: int,
        direction: int,
        tick: Decimal,
        quantity: Decimal,
        bound: Decimal,
        fee_share: Decimal,
        max_open_interest: Decimal,
    ) -> None:
        """Raises Refused where limits or the solvency gate do not allow an open."""
        reason = self.objection(
            index_id=index_id,
            direction=direction,
            tick=tick,
            quantity=quantity,
            bound=bound,
            fee_share=fee_share,
            max_open_interest=max_open_interest,
        )
        if reason:
            raise Refused(SENTENCES[reason], reason)

    def objection(
        self,
        *,
        index_id: int,
        direction: int,
        tick: Decimal,
        quantity: Decimal,
        bound: Decimal,
        fee_share: Decimal,
        max_open_interest: Decimal,
    ) -> str | None:
        """Why an open is not allowed by the index's limits or the solvency gate, or None (see rules.refuse_open)."""
        return rules.refuse_open(
            equity=self.equity + fee_share,
            reserved=self.reserved,
            profit=self.profit,
            units=self.units,
            leaving=self.leaving,
            same=self.of(index_id, direction),
            other=self.of(index_id, -direction),
            tick=tick,
            quantity=quantity,
            bound=bound,
            max_open_interest=max_open_interest,
        )

    def shift(
        self,
        *,
        index_id: int,
        direction: int,
        tick: Decimal,
        quantity: Decimal = ZERO,
        notional: Decimal = ZERO,
        bound: Decimal = ZERO,
        volume: int = 0,
    ) -> None:
        """Adds to (or takes from) the sums of an index and direction. `tick` is the index's last price, asked for
        only where nothing was open in it before."""
        last = self.prices.setdefault(index_id, tick)
        self.sums[index_id, direction] = self.of(index_id, direction).plus(quantity, notional, bound, volume)
        self._profit += direction * (last * quantity - notional)
        self.reserved += bound
        self._changed.add((index_id, direction))

    def save(self) -> None:
        """Writes what changed: the pool's row and the exposures. The equity is the ledger's."""
        sql.execute(
            """
            UPDATE market_making_pool
            SET reserved = %s, units = %s, units_leaving = %s, marked_result = %s, marked = %s
            WHERE id = 1
            """,
            [self.reserved, self.units, self.counted, self.marked_result, self.marked],
        )
        if not self._changed:
            return
        keys = sorted(self._changed)
        sql.execute(
            """
            INSERT INTO market_making_exposure (index_id, direction, quantity, notional, bound, volume)
            SELECT * FROM unnest(
                %s::bigint[], %s::smallint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::bigint[]
            )
            ON CONFLICT (index_id, direction) DO UPDATE
            SET quantity = excluded.quantity, notional = excluded.notional, bound = excluded.bound,
                volume = excluded.volume
            """,
            [
                [index for index, _direction in keys],
                [direction for _index, direction in keys],
                *(
                    [getattr(self.sums[key], name) for key in keys]
                    for name in ("quantity", "notional", "bound", "volume")
                ),
            ],
        )
        self._changed.clear()
