"""The pool's daily settlement, in sets: a first transaction that fixes everything, then batches of pledges.

The formulas are those of `rules.settle`. Whatever a batch does follows from the figures in its `Settlement` and from
the pledge's own row, so it is the same whenever and by whomever it is carried out.
"""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from common import sql
from common.money import ZERO
from ledger import services as ledger
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.services import Kind, Posting
from market_making.book import PoolBook
from market_making.models import Settlement
from market_making.services import stale_exposure
from operations import runs
from operations.models import JobRun
from operations.runs import Waiting

BATCH = 50_000

# Each storey is computed once a row: OFFSET 0 keeps the planner from merging it into the next. div() is exact where a
# quotient of NUMERICs is not. x are units at 1 each, w is money.
_DEMANDS = """
SELECT
    id, client_id, principal, units, leaves, counted, x,
    least(principal, w) AS keep, greatest(w - principal, 0) AS gain,
    greatest(w - principal, 0) + CASE WHEN leaves THEN least(principal, w) ELSE 0 END AS demand
FROM (
    SELECT id, client_id, principal, units, leaves, counted, x, trunc(x, 6) AS w
    FROM (
        SELECT
            id, client_id, principal, units, {leaves} AS leaves, counted,
            div(units * %(value)s * 1e18, %(units)s) * 0.000000000000000001 AS x
        FROM market_making_pledge
        WHERE id > %(after)s AND id <= %(upto)s AND ended_at IS NULL
        OFFSET 0
    ) AS pledges
    OFFSET 0
) AS worths
"""
_WORTHS = _DEMANDS.format(leaves="leaves")
# As if the day were over: whoever has cancelled leaves.
_CANCELLED = _DEMANDS.format(leaves="cancelled_at IS NOT NULL")
_PAID = f"""
SELECT
    *, least(paid, gain) AS income, paid - least(paid, gain) AS returned, principal - keep AS loss,
    CASE
        WHEN leaves AND keep = paid - least(paid, gain) AND x - paid < 0.000001 THEN 0 ELSE x - paid
    END AS units_after
FROM (
    SELECT *, CASE
        WHEN %(demand)s <= %(payable)s THEN demand
        ELSE div(demand * %(payable)s * 1e6, %(demand)s) * 0.000001
    END AS paid
    FROM ({_WORTHS}) AS demands
    OFFSET 0
) AS payments
"""
_DEMAND = f"""
SELECT
    coalesce(sum(demand), 0),
    coalesce(sum(x - gain) FILTER (WHERE NOT leaves), 0),
    coalesce(sum(x - gain) FILTER (WHERE NOT leaves AND counted), 0)
FROM ({_WORTHS}) AS demands
"""
_TOTALS = f"""
SELECT
    coalesce(sum(paid), 0), coalesce(sum(units_after), 0), coalesce(sum(units_after) FILTER (WHERE counted), 0)
FROM ({_PAID}) AS payments
"""
_BATCH = f"""
WITH due AS MATERIALIZED ({_PAID}),
results AS (
    INSERT INTO market_making_pledgeresult (settlement_id, pledge_id, client_id, income, loss, returned)
    SELECT %(settlement)s, id, client_id, income, loss, returned FROM due
    WHERE income > 0 OR loss > 0 OR returned > 0
),
transfers AS (
    INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
    SELECT t.debit, t.credit, t.amount, t.kind, %(reference)s || d.id
    FROM due AS d
    CROSS JOIN LATERAL (
        VALUES
            (d.client_id * 8 + {int(ClientAccount.PLEDGE)}, {int(PlatformAccount.POOL_RESULT)}, d.loss,
                '{Kind.PLEDGE_LOSS}'),
            (d.client_id * 8 + {int(ClientAccount.PLEDGE)}, {int(PlatformAccount.POOL_RESULT)}, d.returned,
                '{Kind.PLEDGE_OUT}'),
            ({int(PlatformAccount.SETTLEMENT_DUE)}, d.client_id * 8, d.income, '{Kind.PLEDGE_INCOME}'),
            ({int(PlatformAccount.SETTLEMENT_DUE)}, d.client_id * 8, d.returned, '{Kind.PLEDGE_RETURN}')
    ) AS t (debit, credit, amount, kind)
    WHERE t.amount > 0
),
pledges AS (
    UPDATE market_making_pledge AS g
    SET principal = d.keep - d.returned, units = d.units_after, income = g.income + d.income, loss = g.loss + d.loss,
        returned = g.returned + d.returned,
        ended_at = CASE WHEN d.units_after = 0 AND d.keep = d.returned THEN clock_timestamp() END,
        unpaid_since = CASE WHEN d.leaves AND d.units_after > 0 THEN coalesce(g.unpaid_since, %(fixed_at)s) END
    FROM due AS d
    WHERE g.id = d.id AND (
        d.units_after <> d.units OR d.keep - d.returned <> d.principal OR d.income > 0
        OR (d.units_after = 0 AND d.keep = d.returned) OR (g.unpaid_since IS NULL) = (d.leaves AND d.units_after > 0)
    )
)
SELECT count(*), coalesce(sum(income), 0), coalesce(sum(loss), 0), coalesce(sum(returned), 0) FROM due
"""


def step(run: JobRun) -> bool:
    """A step of the job `pledges`: fixes a day's figures, or carries out its next batch; whether it is finished.

    Raises Waiting while an index with open positions has no trustworthy price or a marked position waits.
    """
    settlement = Settlement.objects.filter(day=run.day).first()
    if settlement is None:
        settlement = _fix(run)
        run.counts.update(pledges=0, due=str(settlement.due), income="0", loss="0", returned="0")
    else:
        _carry_out_batch(settlement, run.counts)
    return settlement.finished_at is not None


def figures(settlement: Settlement) -> dict[str, Any]:
    """The parameters of this module's statements, for the pledges that the settlement has not reached."""
    return {
        "value": settlement.equity - settlement.profit,
        "units": settlement.units,
        "demand": settlement.demand,
        "payable": settlement.equity - settlement.reserved,
        "after": settlement.cursor,
        "upto": settlement.last,
    }


def owed(settlement: Settlement) -> tuple[Any, ...]:
    """What the pledges that the settlement has not reached are paid, and their units afterwards."""
    if settlement.finished_at is not None:
        return ZERO, ZERO, ZERO
    found = sql.row(_TOTALS, figures(settlement))
    assert found is not None
    return found


def demand_now(value: Decimal, units: Decimal) -> Decimal:
    """T as a settlement at this moment would find it, with every cancelled pledge leaving; V and K are given.

    To be called while no settlement is being carried out.
    """
    everything = {"value": value, "units": units, "after": 0, "upto": 2**62}
    found = sql.row(f"SELECT coalesce(sum(demand), 0) FROM ({_CANCELLED}) AS demands", everything)
    assert found is not None
    demand: Decimal = found[0]
    return demand


def _fix(run: JobRun) -> Settlement:
    """The first transaction: from its commit on the day is decided, and joins buy units at their new worth."""
    cutoff = min(runs.day_end(run.day), sql.database_time())
    # Who has cancelled in time leaves with this settlement. Pledges are locked before the pool.
    sql.execute(
        """
        UPDATE market_making_pledge SET counted = true, leaves = leaves OR cancelled_at < %s
        WHERE cancelled_at IS NOT NULL AND ended_at IS NULL
            AND (NOT counted OR NOT leaves AND cancelled_at < %s)
        """,
        [cutoff, cutoff],
    )
    book = PoolBook.locked()
    if book.marked:
        raise Waiting(_("a marked position waits for its execution"))
    if stale_exposure():
        raise Waiting(_("an index with open positions has no fresh price, or is halted"))
    last = sql.row("SELECT coalesce(max(id), 0) FROM market_making_pledge")
    assert last is not None
    settlement = Settlement(
        day=run.day,
        prices=_prices(),
        equity=book.equity,
        reserved=book.reserved,
        profit=book.profit,
        units=book.units,
        demand=ZERO,
        due=ZERO,
        units_after=ZERO,
        leaving_after=ZERO,
        last=last[0],
        cursor=0,
        fixed_at=sql.database_time(),
    )
    if book.units:
        _total(settlement)
    epoch = sql.row("UPDATE market_making_pool SET unit_epoch = unit_epoch + 1 WHERE id = 1 RETURNING unit_epoch - 1")
    assert epoch is not None
    settlement.unit_epoch = epoch[0]
    if not settlement.units:
        settlement.finished_at = settlement.fixed_at
    settlement.save(force_insert=True)
    ledger.post(
        [
            Posting(
                PlatformAccount.POOL_RESULT,
                PlatformAccount.SETTLEMENT_DUE,
                settlement.due,
                Kind.SETTLEMENT,
                f"settlement:{settlement.day}",
            )
        ]
    )
    book.units, book.counted = settlement.units_after, settlement.leaving_after
    book.save()
    return settlement


def _total(settlement: Settlement) -> None:
    """T, Σ paid and the units afterwards: in one pass where all can be paid, else in a second one."""
    found = sql.row(_DEMAND, figures(settlement))
    assert found is not None
    settlement.demand, staying, staying_counted = found
    settlement.due, settlement.units_after, settlement.leaving_after = settlement.demand, staying, staying_counted
    if settlement.demand > settlement.equity - settlement.reserved:
        found = sql.row(_TOTALS, figures(settlement))
        assert found is not None
        settlement.due, settlement.units_after, settlement.leaving_after = found


def _prices() -> dict[str, str]:
    """{code: last price} of every index with open positions."""
    found = sql.rows(
        """
        SELECT DISTINCT i.code, s.last_price
        FROM market_making_exposure AS e
        JOIN indexes_index AS i ON i.id = e.index_id JOIN indexes_indexstate AS s ON s.index_id = e.index_id
        WHERE e.volume > 0 ORDER BY i.code
        """
    )
    return {code: str(price) for code, price in found}


def _carry_out_batch(settlement: Settlement, counts: dict[str, Any]) -> None:
    """The next pledges by id, in one statement: results, transfers, pledges."""
    upto = sql.row(
        """
        SELECT max(id) FROM (
            SELECT id FROM market_making_pledge
            WHERE id > %s AND id <= %s AND ended_at IS NULL ORDER BY id LIMIT %s
        ) AS next
        """,
        [settlement.cursor, settlement.last, BATCH],
    )
    assert upto is not None
    if upto[0] is not None:
        parameters = {
            **figures(settlement),
            "upto": upto[0],
            "settlement": settlement.pk,
            "fixed_at": settlement.fixed_at,
            "reference": f"settlement:{settlement.day}:",
        }
        ledger.lock_found(
            """
            SELECT DISTINCT client_id * 8 FROM market_making_pledge
            WHERE id > %(after)s AND id <= %(upto)s AND ended_at IS NULL
            """,
            parameters,
        )
        found = sql.row(_BATCH, parameters)
        assert found is not None
        pledges, income, loss, returned = found
        counts["pledges"] += pledges
        for name, amount in (("income", income), ("loss", loss), ("returned", returned)):
            counts[name] = str(Decimal(counts[name]) + amount)
        settlement.cursor = upto[0]
    left = sql.row(
        """
        SELECT EXISTS (
            SELECT FROM market_making_pledge WHERE id > %s AND id <= %s AND ended_at IS NULL
        )
        """,
        [settlement.cursor, settlement.last],
    )
    if left == (False,):
        settlement.cursor, settlement.finished_at = settlement.last, sql.database_time()
    settlement.save(update_fields=["cursor", "finished_at"])
