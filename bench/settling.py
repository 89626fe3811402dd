"""The settlement of the market pool, at two sizes, against bare statements over all pledges in one transaction."""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal

from django.db import connection, transaction

from bench.row import Row, in_turns
from common import sql
from ledger.accounts import PlatformAccount

# How many pledges, and how often they are settled by each.
SIZES = {"100k": (100_000, 3), "1m": (1_000_000, 1)}
# In a process of its own, as a worker would: seconds, and the largest memory it ever had, in kB.
SETTLE = """
import re, sys, time
from pathlib import Path
import django
django.setup()
from datetime import date
from operations import runs
began = time.monotonic()
assert runs.carry_out("pledges", date.fromisoformat(sys.argv[1])).did
took = time.monotonic() - began
# Not getrusage: its peak has in it what the parent held when it forked.
print(took, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
TOTAL = """
SELECT a.balance - a.floor, p.units, (
    SELECT sum(trunc(units * (a.balance - a.floor) / p.units, 6)) - sum(principal) FROM market_making_pledge
)
FROM ledger_account AS a, market_making_pool AS p WHERE a.id = 4611686018427387905
"""
# What a settlement writes, and nothing that lets it stop and go on.
BARE = """
WITH due AS MATERIALIZED (
    SELECT id, client_id, x, greatest(trunc(x, 6) - principal, 0) AS income,
        greatest(principal - trunc(x, 6), 0) AS loss
    FROM (
        SELECT id, client_id, principal, trunc(units * %(equity)s / %(units)s, 18) AS x
        FROM market_making_pledge OFFSET 0
    ) AS worths
), results AS (
    INSERT INTO market_making_pledgeresult (settlement_id, pledge_id, client_id, income, loss, returned)
    SELECT %(run)s, id, client_id, income, loss, 0 FROM due WHERE income > 0 OR loss > 0
), transfers AS (
    INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
    SELECT 4611686018427387906, client_id * 8, income, 'pledge_income', 'bare:' || %(run)s || ':' || id
    FROM due WHERE income > 0
    UNION ALL
    SELECT client_id * 8 + 4, 4611686018427387905, loss, 'pledge_loss', 'bare:' || %(run)s || ':' || id
    FROM due WHERE loss > 0
), pledges AS (
    UPDATE market_making_pledge AS g
    SET principal = g.principal - d.loss, units = d.x - d.income, income = g.income + d.income, loss = g.loss + d.loss
    FROM due AS d WHERE g.id = d.id
    RETURNING g.units
)
UPDATE market_making_pool SET unit_epoch = unit_epoch + 1, units = (SELECT sum(units) FROM pledges)
"""


def settle_1m() -> list[Row]:
    """Pledges settled a second, and the settling process's memory at both sizes."""
    found, memory = [], {}
    first = 0
    days = (f"2020-{month:02}-{day:02}" for month, day in itertools.product(range(1, 13), range(1, 29)))
    for name, (size, turns) in SIZES.items():
        first = _pledge(first, size)
        peaks: list[float] = []
        moves = itertools.cycle((Decimal("0.37"), Decimal("0.37"), Decimal("-0.21"), Decimal("-0.21")))
        turn = itertools.count(1)

        def measure(size: int = size, moves: Iterator[Decimal] = moves, peaks: list[float] = peaks) -> float:
            _move(next(moves) * size)
            run = subprocess.run(
                [sys.executable, "-c", SETTLE, next(days)], check=True, capture_output=True, text=True
            ).stdout.split()
            peaks.append(float(run[-1]))
            return size / float(run[-2])

        def limit(size: int = size, moves: Iterator[Decimal] = moves, turn: Iterator[int] = turn) -> float:
            _move(next(moves) * size)
            began = time.monotonic()
            with transaction.atomic():
                _bare(1_000_000 + next(turn) + size)
            return size / (time.monotonic() - began)

        found.append(Row(f"settle_{name}", *in_turns(measure, limit, turns), "pledges/s", 0.60))
        memory[name] = max(peaks) / 1024
    found.append(Row("settle_memory", memory["1m"], memory["100k"], "MiB", 1.1, at_least=False))
    return found


def _pledge(first: int, size: int) -> int:
    """As many clients as `size` asks for, each with a pledge of 100; how many there are then."""
    clients = sql.rows(
        """
        INSERT INTO accounts_client (address)
        SELECT '0x' || lpad(to_hex(n), 40, '0') FROM generate_series(%s, %s) AS n RETURNING id
        """,
        [first + 1, size],
    )
    ids = [row[0] for row in clients]
    bounds = [min(ids), max(ids)]
    sql.execute(
        """
        INSERT INTO ledger_account (id)
        SELECT c * 8 + k FROM generate_series(%s, %s) AS c, generate_series(0, 5) AS k
        """,
        bounds,
    )
    sql.execute(
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
        SELECT %s, c * 8 + 4, 100, 'pledge', 'bench:' || c FROM generate_series(%s, %s) AS c
        """,
        [int(PlatformAccount.CUSTODY), *bounds],
    )
    sql.execute(
        """
        INSERT INTO market_making_pledge (client_id, no, paid_in, principal, units)
        SELECT c, 'bench' || c, 100, 100, 100 FROM generate_series(%s, %s) AS c
        """,
        bounds,
    )
    sql.execute("UPDATE market_making_pool SET units = (SELECT sum(units) FROM market_making_pledge)")
    connection.cursor().execute("VACUUM ANALYZE market_making_pledge, ledger_account, ledger_transfer")
    return size


def _move(amount: Decimal) -> None:
    """What traders lost to the pool, or won of it."""
    custody, result = int(PlatformAccount.CUSTODY), int(PlatformAccount.POOL_RESULT)
    debit, credit = (custody, result) if amount > 0 else (result, custody)
    sql.execute(
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
        VALUES (%s, %s, %s, 'correction', 'bench:' || gen_random_uuid())
        """,
        [debit, credit, abs(amount)],
    )


def _bare(run: int) -> None:
    found = sql.row(TOTAL)
    assert found is not None
    equity, units, gain = found
    if gain > 0:
        sql.execute(
            """
            INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
            VALUES (4611686018427387905, 4611686018427387906, %s, 'settlement', 'bare:' || %s)
            """,
            [gain, run],
        )
    sql.execute(BARE, {"equity": equity, "units": units, "run": run})
