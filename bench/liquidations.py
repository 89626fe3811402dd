"""A tick that liquidates 1,000 of many positions: how soon all are closed, and whether the engine keeps its seconds."""

import os
import time
from dataclasses import dataclass
from decimal import Decimal

from bench import world
from bench.engines import engine
from bench.row import Row
from common import sql
from contracts import queries, rules
from contracts.models import terms_of
from contracts.rules import BUY, Stake
from indexes.models import Index

LIQUIDATED = 1000
PRICE = Decimal(1000)
# 2 % less: less than a jump, and more than those positions bear that were opened at 1030.
DIVISOR_AFTER = Decimal("1.02")
SECONDS_AROUND = 8


def liquidations(count: int) -> list[Row]:
    """`count` open positions of as many clients; the index falls by 2 % and 1,000 of them are liquidated."""
    [index] = world.make_indexes(1)
    sql.execute("UPDATE indexes_constituent SET venues = '{simulated}', weight = 10")
    clients = world.make_clients(count)
    world.fill_pool(clients[0])
    _open(index, clients[:LIQUIDATED], Decimal(1030))
    _open(index, clients[LIQUIDATED:], PRICE)
    sql.execute("ANALYZE")
    # The walk stands still, so that only the fall reaches anything.
    os.environ["SOKE_SIMULATED_VOLATILITY"] = "0"
    with engine():
        before = _seconds(SECONDS_AROUND)
        sql.execute("UPDATE indexes_basket SET divisor = %s", [DIVISOR_AFTER])
        after = _seconds(SECONDS_AROUND)
    [(marked, closed, second, took)] = sql.rows(
        """
        SELECT count(*), count(closed_at), extract(epoch FROM date_trunc('second', min(marked_at)))::bigint,
            extract(epoch FROM max(closed_at) - date_trunc('second', min(marked_at)))
        FROM contracts_position WHERE mark <> ''
        """
    )
    [(fills, positions)] = sql.rows(
        "SELECT count(*), count(DISTINCT position_id) FROM contracts_fill WHERE kind <> 'open'"
    )
    if not marked == closed == fills == positions == LIQUIDATED:
        raise RuntimeError(f"{marked} marked, {closed} closed, {fills} fills of {positions} positions")
    if found := list(queries.differences()):
        raise RuntimeError(str(found[:5]))
    name = f"liquidate_{count // 1000}k"
    reports = before | after
    skipped = max(report.skipped for report in after.values()) - min(report.skipped for report in before.values())
    return [
        Row(name, float(took) * 1000, 10_000, "ms", 1, at_least=False),
        Row(f"{name}_decide", reports[second].decide * 1000, 1000, "ms", 1, at_least=False),
        Row(f"{name}_skip", skipped, max(reports) - min(reports), "seconds", 0, at_least=False),
    ]


def _open(index_id: int, clients: list[int], price: Decimal) -> None:
    """A bought contract for each client, with its margin, its bound and its share of the sums."""
    terms = terms_of(Index.objects.get(id=index_id))
    notional = price * rules.quantity(1, terms)
    stake = Stake(1, notional, rules.margin(notional, terms))
    bound = rules.bound(BUY, stake, terms)
    lower, upper = rules.liquidation_price(BUY, stake, terms), rules.cap_price(BUY, stake, terms)
    sql.execute(
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
        SELECT c * 8, c * 8 + 1, %s, 'margin', 'bench:margin:' || c FROM unnest(%s::bigint[]) AS c
        """,
        [stake.margin, clients],
    )
    sql.execute(
        """
        WITH opened AS (
            INSERT INTO contracts_position (
                client_id, index_id, direction, volume, notional, margin, lever, fee_rate, mmr, liquidation_fee_rate,
                max_profit_rate, contract_size, spread, liquidation_price, cap_price, lower_trigger, upper_trigger,
                opened_volume, opened_notional
            )
            SELECT c, %s, 1, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s
            FROM unnest(%s::bigint[]) AS c RETURNING id, client_id, index_id, notional
        )
        INSERT INTO contracts_fill (
            position_id, client_id, index_id, direction, kind, volume, tick, price, notional, fee, liquidation_fee,
            profit
        )
        SELECT id, client_id, index_id, 1, 'open', 1, %s, %s, notional, 0, 0, 0 FROM opened
        """,
        [
            *(index_id, notional, stake.margin, terms.lever, terms.fee_rate, terms.mmr, terms.liquidation_fee_rate),
            *(terms.max_profit_rate, terms.contract_size, terms.spread, lower, upper, lower, upper, notional, clients),
            *(price, price),
        ],
    )
    count = len(clients)
    sql.execute(
        """
        INSERT INTO market_making_exposure (index_id, direction, quantity, notional, bound, volume)
        VALUES (%s, 1, %s, %s, %s, %s)
        ON CONFLICT (index_id, direction) DO UPDATE
        SET quantity = market_making_exposure.quantity + excluded.quantity,
            notional = market_making_exposure.notional + excluded.notional,
            bound = market_making_exposure.bound + excluded.bound,
            volume = market_making_exposure.volume + excluded.volume
        """,
        [index_id, rules.quantity(count, terms), notional * count, bound * count, count],
    )
    sql.execute("UPDATE market_making_pool SET reserved = reserved + %s", [bound * count])


@dataclass(frozen=True)
class Report:
    """What the engine said of a second: how long it decided, and how many seconds it has skipped so far."""

    decide: float
    skipped: int


def _seconds(count: int) -> dict[int, Report]:
    """The engine's reports of its next seconds, by second."""
    found: dict[int, Report] = {}
    deadline = time.monotonic() + 60
    while len(found) < count:
        if time.monotonic() > deadline:
            raise RuntimeError("the engine does not tick")
        [(second, decide, skipped)] = sql.rows("SELECT ticked_at, decide_seconds, skipped FROM indexes_leadership")
        if second is not None:
            found[second] = Report(decide, skipped)
        time.sleep(0.05)
    return found
