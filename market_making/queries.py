"""What reads the pool."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from common import sql
from common.money import ZERO
from common.reconciliation import Difference, compare
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.queries import balance, totals_by_client
from market_making import rules, settlement
from market_making.models import Pledge, PledgeResult, Settlement


@dataclass(frozen=True)
class PoolFigures:
    """E and R in USDT, K in units."""

    equity: Decimal
    reserved: Decimal
    units: Decimal


def figures() -> PoolFigures:
    """The pool as it stands, without a lock."""
    found = sql.row(
        """
        SELECT a.balance - a.floor, p.reserved, p.units
        FROM market_making_pool AS p, ledger_account AS a WHERE p.id = 1 AND a.id = %s
        """,
        [int(PlatformAccount.POOL_RESULT)],
    )
    assert found is not None
    return PoolFigures(*found)


def open_volumes() -> dict[int, int]:
    """{index id: open contracts, both directions}."""
    return dict(sql.rows("SELECT index_id, sum(volume)::bigint FROM market_making_exposure GROUP BY index_id"))


def client_results(client_id: int) -> tuple[Decimal, Decimal]:
    """All income and all loss of a client so far, kept with its pledges."""
    found = sql.row(
        "SELECT coalesce(sum(income), 0), coalesce(sum(loss), 0) FROM market_making_pledge WHERE client_id = %s",
        [client_id],
    )
    assert found is not None
    income, loss = found
    return income, loss


def pledges(client_id: int) -> QuerySet[Pledge]:
    """A client's pledges, newest first."""
    return Pledge.objects.filter(client_id=client_id).order_by("-id")


def incomes(client_id: int) -> QuerySet[PledgeResult]:
    return PledgeResult.objects.filter(client_id=client_id, income__gt=0).order_by("-id")


def losses(client_id: int) -> QuerySet[PledgeResult]:
    return PledgeResult.objects.filter(client_id=client_id, loss__gt=0).order_by("-id")


def overdue() -> bool:
    """Whether a leaver is not paid in full 7 days after the first settlement that could not: then positions close
    until it can. Costs next to nothing: an index has the oldest such pledge first."""
    found = sql.row(
        """
        SELECT EXISTS (
            SELECT FROM market_making_pledge
            WHERE ended_at IS NULL AND unpaid_since <= clock_timestamp() - make_interval(days => %s)
        )
        """,
        [rules.EXIT_DAYS],
    )
    return found == (True,)


def exit_shortfall(value: Decimal, units: Decimal, payable: Decimal) -> Decimal:
    """T − H, what a settlement of this moment could not pay of its gains and leavers; positions close while it is
    above zero. For V, K and H of the locked pool. Reads all pledges: ask `overdue` first.

    Zero while a settlement is being carried out: it would count pledges with units of two kinds.
    """
    if not units or Settlement.objects.filter(finished_at__isnull=True).exists():
        return ZERO
    return max(ZERO, settlement.demand_now(value, units) - payable)


def differences() -> Iterator[Difference]:
    """Pledges against the ledger, units against the pool, reserved against the exposures, E ≥ R; what settlements
    did against the ledger and against what they owe."""
    pledged = dict(
        sql.rows("SELECT client_id, sum(principal) FROM market_making_pledge WHERE principal > 0 GROUP BY client_id")
    )
    held = totals_by_client(ClientAccount.PLEDGE)
    for client in sorted(pledged.keys() | held.keys()):
        yield from compare(
            "market pool", f"pledges of client {client}", pledged.get(client, ZERO), held.get(client, ZERO)
        )
    open_run = Settlement.objects.filter(finished_at__isnull=True).first()
    due, units_to_come, leaving_to_come = settlement.owed(open_run) if open_run is not None else (ZERO, ZERO, ZERO)
    after, upto = (open_run.cursor, open_run.last) if open_run is not None else (0, 0)
    found = sql.row(
        """
        SELECT p.units, p.units_leaving, p.reserved,
            (SELECT coalesce(sum(units), 0) FROM market_making_pledge WHERE id <= %s OR id > %s),
            (SELECT coalesce(sum(units), 0) FROM market_making_pledge WHERE counted AND (id <= %s OR id > %s)),
            (SELECT coalesce(sum(bound), 0) FROM market_making_exposure)
        FROM market_making_pool AS p WHERE p.id = 1
        """,
        [after, upto, after, upto],
    )
    assert found is not None
    units, leaving, reserved, bought, cancelled, bounds = found
    yield from compare("market pool", "units", bought + units_to_come, units)
    yield from compare("market pool", "units leaving", cancelled + leaving_to_come, leaving)
    yield from compare("market pool", "reserved", bounds, reserved)
    yield from compare("market pool", "settlement due", due, balance(PlatformAccount.SETTLEMENT_DUE))
    if figures().equity < reserved:
        yield Difference("market pool", f"equity {figures().equity} below reserved {reserved}")
    yield from _results()


def _results() -> Iterator[Difference]:
    """What settlements brought, in the logs, in the pledges' totals and in the ledger; their payouts set aside."""
    found = sql.rows(
        """
        SELECT p.id, p.income, p.loss, p.returned, coalesce(r.income, 0), coalesce(r.loss, 0), coalesce(r.returned, 0)
        FROM market_making_pledge AS p
        FULL JOIN (
            SELECT pledge_id, sum(income) AS income, sum(loss) AS loss, sum(returned) AS returned
            FROM market_making_pledgeresult GROUP BY pledge_id
        ) AS r ON r.pledge_id = p.id
        WHERE (p.income, p.loss, p.returned)
            IS DISTINCT FROM (coalesce(r.income, 0), coalesce(r.loss, 0), coalesce(r.returned, 0))
        """
    )
    for pledge, *sums in found:
        yield Difference("market pool", f"pledge {pledge}: income, loss, returned {sums[:3]}, results {sums[3:]}")
    unequal = sql.rows(
        """
        SELECT coalesce(b.kind, m.kind), coalesce(b.amount, 0), coalesce(m.amount, 0)
        FROM (
            SELECT kind, sum(amount) AS amount
            FROM market_making_pledgeresult AS r
            CROSS JOIN LATERAL (
                VALUES ('pledge_income', r.income), ('pledge_loss', r.loss), ('pledge_out', r.returned),
                    ('pledge_return', r.returned)
            ) AS v (kind, amount)
            GROUP BY kind
            UNION ALL SELECT 'settlement', coalesce(sum(due), 0) FROM market_making_settlement
        ) AS b
        FULL JOIN (
            SELECT kind, sum(amount) AS amount FROM ledger_transfer
            WHERE kind IN ('pledge_income', 'pledge_loss', 'pledge_out', 'pledge_return', 'settlement') GROUP BY kind
        ) AS m ON m.kind = b.kind
        WHERE coalesce(b.amount, 0) <> coalesce(m.amount, 0)
        """
    )
    for kind, booked, posted in unequal:
        yield Difference("market pool", f"settlements, {kind}: booked {booked}, posted {posted}")
