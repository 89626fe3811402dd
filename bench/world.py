"""What the benchmarks trade in: indexes with a price, a deep pool, clients with money."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from accounts import tokens
from common import sql
from contracts.engine import news
from contracts.engine.deciding import decide
from contracts.engine.execution import Moment
from indexes.models import Basket, Constituent, Index, IndexState
from indexes.venues import Quote
from ledger.accounts import PlatformAccount

SHARD = "main"
RICH = Decimal(10) ** 9


def make_indexes(count: int) -> list[int]:
    """Indexes with one constituent each and limits that nothing reaches; their ids."""
    sql.execute("INSERT INTO indexes_leadership (shard, epoch) VALUES (%s, 1) ON CONFLICT DO NOTHING", [SHARD])
    ids = []
    for number in range(count):
        index = Index.objects.create(
            title=f"index {number}",
            sub_title=f"I{number}",
            code=f"index{number}",
            max_order_volume=10**7,
            max_position_volume=10**9,
            max_open_interest=RICH**2,
        )
        IndexState.objects.get_or_create(index=index)
        basket = Basket.objects.create(index=index, version=1, divisor=1, effective_at=timezone.now())
        Constituent.objects.create(
            basket=basket, symbol=f"S{number}", weight=1, venues=["bench"], allow_single_venue=True
        )
        ids.append(index.id)
    return ids


def observations(count: int, price: Decimal, at: datetime) -> dict[str, dict[str, Quote]]:
    """The same price of every index, fetched at `at`."""
    return {"bench": {f"S{number}": Quote(price, at) for number in range(count)}}


def tick(count: int, price: Decimal, at: datetime) -> Moment:
    """One second of the engine's decisions."""
    return decide(SHARD, 1, observations(count, price, at), at)[1]


@contextmanager
def ticking(count: int, price: Decimal) -> Iterator[None]:
    """Goes on ticking once a second as an engine does, and tells the web processes."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(1):
            at = sql.database_time()
            news.tell(decide(SHARD, 1, observations(count, price, at), at)[0])
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def make_clients(count: int) -> list[int]:
    """Clients with a billion USDT each; their ids."""
    found = sql.rows(
        """
        INSERT INTO accounts_client (address)
        SELECT '0x' || lpad(to_hex(n), 40, '0') FROM generate_series(1, %s) AS n RETURNING id
        """,
        [count],
    )
    ids = [row[0] for row in found]
    sql.execute(
        "INSERT INTO ledger_account (id) SELECT c * 8 + k FROM unnest(%s::bigint[]) AS c, generate_series(0, 5) AS k",
        [ids],
    )
    sql.execute(
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
        SELECT %s, c * 8, %s, 'deposit', 'bench:' || c FROM unnest(%s::bigint[]) AS c
        """,
        [int(PlatformAccount.CUSTODY), RICH, ids],
    )
    return ids


def fill_pool(client: int) -> None:
    """A pool that backs whatever the benchmarks open."""
    amount = RICH * 1000
    sql.execute(
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
        VALUES (%s, %s, %s, 'pledge', 'bench:pool')
        """,
        [int(PlatformAccount.CUSTODY), client * 8 + 4, amount],
    )
    sql.execute("UPDATE market_making_pool SET units = %s", [amount])


def token(client: int) -> str:
    return tokens.issue(client).access_token
