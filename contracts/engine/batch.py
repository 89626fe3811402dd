"""One transaction's executions: read under locks, decided in memory, written in few statements.

Whatever an item needs is computed before any of it is noted, so an item is whole or not at all. A batch that the
database refuses is tried again item by item by its caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from common import sql
from common.money import ZERO
from contracts import rules
from contracts.fees import fee_shares
from contracts.rules import FeeShares, Protection, Stake, Terms
from ledger import accounts
from ledger.accounts import PlatformAccount
from ledger.services import Kind, Posting, lock, post
from market_making.book import PoolBook

POSITION_COLUMNS = (
    "id, client_id, index_id, direction, volume, notional, margin, lever, fee_rate, mmr, liquidation_fee_rate,"
    " max_profit_rate, contract_size, spread, mark, mark_price, mark_result, take_profit, stop_loss, protected_at,"
    " opened_volume, opened_notional, closed_notional, profit, fees"
)

# The fence keeps indexes from moving until the transaction ends.
_OF_SHARD = "index_id IN (SELECT id FROM indexes_index WHERE shard = %s)"


@dataclass(slots=True)
class History:
    """What a position's fills came to so far; `closed_by` is the kind of the newest close."""

    opened_volume: int = 0
    opened_notional: Decimal = ZERO
    closed_notional: Decimal = ZERO
    profit: Decimal = ZERO
    fees: Decimal = ZERO
    closed_by: str | None = None


@dataclass(slots=True)
class OpenPosition:
    """A position's row, locked, as this batch leaves it."""

    id: int
    client_id: int
    index_id: int
    direction: int
    stake: Stake
    terms: Terms
    mark: str = ""
    mark_price: Decimal | None = None
    mark_result: Decimal | None = None
    protection: Protection = field(default_factory=Protection)
    protected_at: datetime | None = None
    history: History = field(default_factory=History)

    @classmethod
    def of_row(cls, row: tuple) -> "OpenPosition":
        position, client, index, direction = row[:4]
        mark, price, result, take_profit, stop_loss, protected_at = row[14:20]
        protection, history = Protection(take_profit, stop_loss), History(*row[20:])
        stake, terms = Stake(*row[4:7]), Terms(*row[7:14])
        return cls(
            position, client, index, direction, stake, terms, mark, price, result, protection, protected_at, history
        )

    @property
    def key(self) -> tuple[int, int, int]:
        return self.client_id, self.index_id, self.direction


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """A pending order's row, locked. `timely` is whether its tick came within 10 s."""

    id: int
    client_id: int
    index_id: int
    position_id: int | None
    direction: int
    price: Decimal | None
    volume: int
    whole: bool
    hold: Decimal
    timely: bool


@dataclass(slots=True)
class Batch:
    """The locked clients, orders, positions and pool of a transaction, and what is to be written at its end."""

    available: dict[int, Decimal]
    orders: list[WaitingOrder]
    positions: dict[tuple[int, int, int], OpenPosition]
    book: PoolBook
    _ids: list[int] = field(default_factory=list)
    _postings: list[Posting] = field(default_factory=list)
    _changed: dict[int, OpenPosition] = field(default_factory=dict)
    _ended: list[tuple] = field(default_factory=list)
    _fills: list[tuple] = field(default_factory=list)

    @classmethod
    def locked(
        cls,
        *,
        shard: str,
        client_ids: Iterable[int],
        order_ids: list[int] | None = None,
        position_ids: list[int] | None = None,
        at: object = None,
    ) -> "Batch":
        """Locks, in this order: the clients' available accounts by id, the orders, their open positions, the pool.

        `position_ids` picks positions; without it, all open ones of these clients in the orders' indexes are taken.
        `at` is the tick's time, against which orders are timely. What has moved to another engine is left to it.
        """
        clients = sorted(set(client_ids))
        balances = lock(accounts.available(client) for client in clients)
        orders = [
            WaitingOrder(*row)
            for row in sql.rows(
                f"""
                SELECT id, client_id, index_id, position_id, direction, price, volume, whole, hold,
                    price_type = 'limit' OR created_at >= %s - make_interval(secs => %s)
                FROM contracts_order WHERE id = ANY (%s) AND status = 'pending' AND {_OF_SHARD}
                ORDER BY (price_type = 'limit') DESC, id FOR UPDATE
                """,
                [at, rules.NO_PRICE_SECONDS, order_ids or [], shard],
            )
        ]
        values: list[object]
        if position_ids is None:
            chosen, values = "client_id = ANY (%s) AND index_id = ANY (%s)", [clients, [o.index_id for o in orders]]
        else:
            chosen, values = f"id = ANY (%s) AND {_OF_SHARD}", [position_ids, shard]
        # A statement that waits for a lock sees what the other left only by reading again.
        sql.execute(
            f"SELECT 1 FROM contracts_position WHERE {chosen} AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE",
            values,
        )
        positions = [
            OpenPosition.of_row(row)
            for row in sql.rows(
                f"SELECT {POSITION_COLUMNS} FROM contracts_position WHERE {chosen} AND closed_at IS NULL", values
            )
        ]
        return cls(
            {client: balances[accounts.available(client)] for client in clients},
            orders,
            {position.key: position for position in positions},
            PoolBook.locked(),
        )

    def next_position_id(self) -> int:
        if not self._ids:
            self._ids = [
                row[0]
                for row in sql.rows(
                    "SELECT nextval(pg_get_serial_sequence('contracts_position', 'id')) FROM generate_series(1, %s)",
                    [max(1, len(self.orders))],
                )
            ][::-1]
        return self._ids.pop()

    # What executions note ------------------------------------------------------------------------------------------
    def move(self, debit: int, credit: int, amount: Decimal, kind: str, reference: str) -> None:
        self._postings.append(Posting(debit, credit, amount, kind, reference))

    def pay_fee(self, debit: int, amount: Decimal, reference: str) -> FeeShares:
        """A fee to its three receivers; the pool's equity grows by its share."""
        shares = fee_shares(amount)
        self.move(debit, PlatformAccount.POOL_RESULT, shares.pool, Kind.FEE_POOL, reference)
        self.move(debit, PlatformAccount.INCENTIVE_POOL, shares.incentive, Kind.FEE_INCENTIVE, reference)
        self.move(debit, PlatformAccount.FEE_REVENUE, shares.revenue, Kind.FEE_REVENUE, reference)
        self.book.equity += shares.pool
        return shares

    def release(self, order: WaitingOrder) -> None:
        """Returns an order's hold to its client."""
        self.move(
            accounts.order_hold(order.client_id),
            accounts.available(order.client_id),
            order.hold,
            Kind.RELEASE,
            f"order:{order.id}",
        )
        self.available[order.client_id] += order.hold

    def change(self, position: OpenPosition) -> None:
        """Notes that a position's row is to be written; one without contracts is closed."""
        self._changed[position.id] = position
        if position.stake.volume:
            self.positions[position.key] = position
        else:
            self.positions.pop(position.key, None)

    def fill(
        self,
        position: OpenPosition,
        kind: str,
        order_id: int | None,
        volume: int,
        tick: Decimal,
        price: Decimal,
        notional: Decimal,
        fee: Decimal,
        profit: Decimal = ZERO,
        penalty: Decimal = ZERO,
    ) -> None:
        """Notes an execution; that of an order ends the order as filled."""
        history = position.history
        if kind == "open":
            history.opened_volume += volume
            history.opened_notional += notional
        else:
            history.closed_notional += notional
            history.closed_by = kind
        history.profit += profit
        history.fees += fee + penalty
        self._fills.append(
            (
                *(order_id, position.id, position.client_id, position.index_id, position.direction, kind),
                *(volume, tick, price, notional, fee, penalty, profit),
            )
        )
        if order_id is not None:
            self._ended.append((order_id, "filled", "", volume, fee, price, position.id))

    def refuse(self, order: WaitingOrder, reason: str) -> None:
        """Ends an order unexecuted: a limit order is cancelled, any other refused. Its hold returns."""
        self.release(order)
        status = "refused" if order.price is None else "cancelled"
        self._ended.append((order.id, status, reason, 0, ZERO, None, order.position_id))

    # Writing -------------------------------------------------------------------------------------------------------
    def save(self) -> set[int]:
        """Writes everything noted; the clients that something changed for."""
        post(self._postings)
        self._save_positions()
        self._save_fills()
        self._save_orders()
        self.book.save()
        touched = {position.client_id for position in self._changed.values()}
        return touched | {order.client_id for order in self.orders}

    def _save_positions(self) -> None:
        rows = []
        for p in self._changed.values():
            s, t, d, h = p.stake, p.terms, p.direction, p.history
            liquidation = cap = lower = upper = ZERO
            if s.volume:
                liquidation, cap = rules.liquidation_price(d, s, t), rules.cap_price(d, s, t)
                lower, upper = rules.triggers(d, s, t, p.protection)
            rows.append(
                (
                    *(p.id, p.client_id, p.index_id, d, s.volume, s.notional, s.margin),
                    *(t.lever, t.fee_rate, t.mmr, t.liquidation_fee_rate, t.max_profit_rate, t.contract_size),
                    *(t.spread, liquidation, cap, lower, upper),
                    *(h.opened_volume, h.opened_notional, h.closed_notional, h.profit, h.fees, h.closed_by),
                )
            )
        if rows:
            sql.execute(
                """
                INSERT INTO contracts_position (
                    id, client_id, index_id, direction, volume, notional, margin, lever, fee_rate, mmr,
                    liquidation_fee_rate, max_profit_rate, contract_size, spread, liquidation_price, cap_price,
                    lower_trigger, upper_trigger, opened_volume, opened_notional, closed_notional, profit, fees,
                    close_kind, reduced_at, closed_at
                )
                SELECT
                    n.id, n.client_id, n.index_id, n.direction, n.volume, n.notional, n.margin, n.lever, n.fee_rate,
                    n.mmr, n.liquidation_fee_rate, n.max_profit_rate, n.contract_size, n.spread, n.liquidation_price,
                    n.cap_price, n.lower_trigger, n.upper_trigger, n.opened_volume, n.opened_notional,
                    n.closed_notional, n.profit, n.fees, coalesce(n.closed_by, ''),
                    CASE WHEN n.closed_by IS NOT NULL THEN clock_timestamp() END,
                    CASE WHEN n.volume = 0 THEN clock_timestamp() END
                FROM unnest(
                    %s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[], %s::bigint[], %s::numeric[],
                    %s::numeric[], %s::smallint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
                    %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
                    %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::text[]
                ) AS n (
                    id, client_id, index_id, direction, volume, notional, margin, lever, fee_rate, mmr,
                    liquidation_fee_rate, max_profit_rate, contract_size, spread, liquidation_price, cap_price,
                    lower_trigger, upper_trigger, opened_volume, opened_notional, closed_notional, profit, fees,
                    closed_by
                )
                ON CONFLICT (id) DO UPDATE SET
                    volume = excluded.volume, notional = excluded.notional, margin = excluded.margin,
                    liquidation_price = excluded.liquidation_price, cap_price = excluded.cap_price,
                    lower_trigger = excluded.lower_trigger, upper_trigger = excluded.upper_trigger,
                    opened_volume = excluded.opened_volume, opened_notional = excluded.opened_notional,
                    closed_notional = excluded.closed_notional, profit = excluded.profit, fees = excluded.fees,
                    close_kind = coalesce(nullif(excluded.close_kind, ''), contracts_position.close_kind),
                    reduced_at = coalesce(excluded.reduced_at, contracts_position.reduced_at),
                    closed_at = excluded.closed_at
                """,
                [list(column) for column in zip(*rows, strict=True)],
            )

    def _save_fills(self) -> None:
        if self._fills:
            sql.execute(
                """
                INSERT INTO contracts_fill (
                    order_id, position_id, client_id, index_id, direction, kind, volume, tick, price, notional, fee,
                    liquidation_fee, profit
                )
                SELECT * FROM unnest(
                    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[], %s::text[],
                    %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
                    %s::numeric[]
                )
                """,
                [list(column) for column in zip(*self._fills, strict=True)],
            )
            volumes: dict[int, int] = {}
            for row in self._fills:
                volumes[row[3]] = volumes.get(row[3], 0) + row[6]
            sql.execute(
                """
                INSERT INTO contracts_dayvolume (index_id, day, volume)
                SELECT i, (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date, v
                FROM unnest(%s::bigint[], %s::bigint[]) AS added (i, v) ORDER BY i
                ON CONFLICT (index_id, day) DO UPDATE
                SET volume = contracts_dayvolume.volume + excluded.volume
                """,
                [list(volumes), list(volumes.values())],
            )

    def _save_orders(self) -> None:
        if self._ended:
            sql.execute(
                """
                UPDATE contracts_order AS o
                SET status = e.status, reason = e.reason, filled_volume = e.filled, fee = e.fee, hold = 0,
                    volume = CASE WHEN e.filled > 0 THEN e.filled ELSE o.volume END,
                    fill_price = e.price, position_id = e.position, finished_at = clock_timestamp()
                FROM unnest(
                    %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[]
                ) AS e (id, status, reason, filled, fee, price, position)
                WHERE o.id = e.id
                """,
                [list(column) for column in zip(*self._ended, strict=True)],
            )
