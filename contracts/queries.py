"""What reads orders, positions and the market."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from common import sql
from common.money import ZERO
from common.reconciliation import Difference, compare
from contracts import rules
from contracts.models import Fill, Order, Position
from indexes import queries as index_queries
from indexes.models import Index
from indexes.rules import quote_change
from ledger.accounts import ClientAccount
from ledger.queries import totals_by_client
from market_making import queries as market_making

# An index whose engine is silent for longer has no trustworthy price.
STALE_SECONDS = 10


def open_positions(client_id: int) -> QuerySet[Position]:
    """A client's open positions with their index and its last price, newest first."""
    return (
        Position.objects.filter(client_id=client_id, closed_at__isnull=True)
        .select_related("index__state")
        .order_by("-id")
    )


def orders(client_id: int, status: str) -> QuerySet[Order]:
    """A client's orders of one status or of `all`, newest first."""
    found = Order.objects.filter(client_id=client_id).select_related("index").order_by("-id")
    return found if status == "all" else found.filter(status=status)


def ended_orders(client_id: int) -> QuerySet[Order]:
    """A client's orders that were filled, cancelled or refused, the last ended first."""
    ended = Order.objects.filter(client_id=client_id, finished_at__isnull=False)
    return ended.select_related("index").order_by("-finished_at", "-id")


def position_history(client_id: int) -> QuerySet[Position]:
    """A client's positions of which something was closed, the last closed first."""
    reduced = Position.objects.filter(client_id=client_id, reduced_at__isnull=False)
    return reduced.select_related("index").order_by("-reduced_at", "-id")


def fills(client_id: int, position_id: int | None = None) -> QuerySet[Fill]:
    """A client's executions, or those of one of its positions, newest first."""
    found = Fill.objects.filter(client_id=client_id).select_related("index").order_by("-id")
    return found if position_id is None else found.filter(position_id=position_id)


def unrealised(position: Position, last: Decimal | None) -> Decimal:
    """`profit_unreal` at the last price; a marked position's is fixed."""
    if position.mark_result is not None:
        return position.mark_result
    return ZERO if last is None else rules.profit(position.direction, position.stake, position.terms, last)


@dataclass(frozen=True, slots=True)
class Market:
    """An index today (Asia/Shanghai): prices, filled contracts of the day, open contracts in both directions."""

    index_id: int
    code: str
    last_price: Decimal
    open_price: Decimal
    high: Decimal
    low: Decimal
    stale: bool
    trade_volume: int
    position_volume: int
    simulated: bool = False

    @property
    def quote_change(self) -> Decimal:
        """last / open − 1, 4 decimals."""
        return quote_change(self.last_price, self.open_price)


@dataclass(frozen=True, slots=True)
class Volumes:
    """Contracts by index id: filled today (Asia/Shanghai), and open in both directions."""

    traded: dict[int, int]
    open: dict[int, int]


def volumes() -> Volumes:
    traded = sql.rows(
        """
        SELECT index_id, volume FROM contracts_dayvolume
        WHERE day = (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date
        """
    )
    return Volumes(dict(traded), market_making.open_volumes())


def markets() -> dict[int, Market]:
    """Every enabled index that has a price, by id."""
    found = volumes()
    now = time.time()
    return {
        state.index_id: Market(
            index_id=state.index_id,
            code=state.code,
            last_price=state.last_price,
            open_price=state.open,
            high=state.high,
            low=state.low,
            stale=state.stale or (state.ticked_at or 0) < now - STALE_SECONDS,
            simulated=state.simulated,
            trade_volume=found.traded.get(state.index_id, 0),
            position_volume=found.open.get(state.index_id, 0),
        )
        for state in (listed.state for listed in index_queries.indexes())
        if state.last_price is not None and state.open is not None and state.high is not None and state.low is not None
    }


def listed_indexes() -> list[Index]:
    """Enabled indexes in the operators' order."""
    return [listed.index for listed in index_queries.indexes()]


def objections(before: Index, after: Index) -> Iterator[str]:
    """Why an index's terms may not change: its contract size while anything is open or waits in it."""
    if before.contract_size == after.contract_size:
        return
    in_use = (
        Position.objects.filter(index_id=before.id, closed_at__isnull=True).exists()
        or Order.objects.filter(index_id=before.id, status=Order.Status.PENDING).exists()
    )
    if in_use:
        yield _("The contract size cannot change while positions are open or orders wait.")


def differences() -> Iterator[Difference]:
    """Holds against waiting orders, margins against positions, exposures and reserved against positions."""
    held = dict(
        sql.rows("SELECT client_id, sum(hold) FROM contracts_order WHERE status = 'pending' GROUP BY client_id")
    )
    yield from _by_client("order hold", {c: h for c, h in held.items() if h}, ClientAccount.ORDER_HOLD)
    margins = dict(
        sql.rows("SELECT client_id, sum(margin) FROM contracts_position WHERE closed_at IS NULL GROUP BY client_id")
    )
    yield from _by_client("margin", margins, ClientAccount.MARGIN)

    found: dict[tuple[int, int], list[Decimal | int]] = {}
    marked, results = 0, ZERO
    for p in Position.objects.filter(closed_at__isnull=True).iterator(2000):
        sums = found.setdefault((p.index_id, p.direction), [ZERO, ZERO, ZERO, 0])
        if p.mark:
            marked, results = marked + 1, results + (p.mark_result or ZERO)
        else:
            sums[0] += rules.quantity(p.volume, p.terms)
            sums[1] += p.notional
        sums[2] += rules.bound(p.direction, p.stake, p.terms)
        sums[3] += p.volume
    kept = {
        (index, direction): list(sums)
        for index, direction, *sums in sql.rows(
            "SELECT index_id, direction, quantity, notional, bound, volume FROM market_making_exposure"
        )
    }
    for key in sorted(found.keys() | kept.keys()):
        nothing: list[Decimal | int] = [ZERO, ZERO, ZERO, 0]
        yield from compare(
            "contracts",
            f"exposure of index {key[0]} in direction {key[1]}",
            found.get(key, nothing),
            kept.get(key, nothing),
        )
    pool = sql.row("SELECT marked, marked_result FROM market_making_pool WHERE id = 1")
    yield from compare("contracts", "marked positions and their result", (marked, results), pool)
    yield from _histories()
    orphans = sql.row(
        """
        SELECT count(*) FROM contracts_order AS o JOIN contracts_position AS p ON p.id = o.position_id
        WHERE o.kind = 'close' AND o.status = 'pending' AND p.closed_at < clock_timestamp() - interval '1 minute'
        """
    )
    yield from compare("contracts", "closes that outlived their position", (0,), orphans)


def _histories() -> Iterator[Difference]:
    """What positions keep of their fills."""
    unequal = sql.rows(
        """
        SELECT p.id
        FROM contracts_position AS p
        LEFT JOIN (
            SELECT position_id, sum(profit) AS profit, sum(fee + liquidation_fee) AS fees,
                sum(CASE WHEN kind = 'open' THEN volume ELSE -volume END) AS volume,
                sum(notional) FILTER (WHERE kind = 'open') AS opened,
                sum(notional) FILTER (WHERE kind <> 'open') AS closed
            FROM contracts_fill GROUP BY position_id
        ) AS f ON f.position_id = p.id
        WHERE (p.profit, p.fees, p.volume, p.opened_notional, p.closed_notional) IS DISTINCT FROM
            (f.profit, f.fees, f.volume, f.opened, coalesce(f.closed, 0))
        """
    )
    for (position,) in unequal:
        yield Difference("contracts", f"position {position} is not what its fills come to")


def _by_client(what: str, expected: dict[int, Decimal], kind: ClientAccount) -> Iterator[Difference]:
    found = totals_by_client(kind)
    for client in sorted(expected.keys() | found.keys()):
        yield from compare(
            "contracts", f"{what} of client {client}", expected.get(client, ZERO), found.get(client, ZERO)
        )
