"""Each row of docs/performance.md: what is measured, and the limit beside it."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import orjson

from bench import load, world
from bench.engines import engine, pgbench
from bench.row import Row, in_turns
from common import public_ids, sql
from contracts.engine.work import execute_all

PRICE = Decimal(1000)


def _good(body: bytes) -> bool:
    return body.startswith((b'{"code":200', b'{"status"'))


# The statements that accepting an order takes, one by one; as `ledger_apply` is a trigger, it is in there too.
ACCEPT = """
\\set client :first + :client_id
SELECT id, address FROM accounts_client
WHERE id = :client AND NOT EXISTS (SELECT FROM accounts_revokedtoken WHERE jti = 'none');
BEGIN;
SELECT * FROM contracts_order_context(:client, :index, 1::smallint, true);
WITH placed AS (
    INSERT INTO contracts_order (client_id, index_id, kind, direction, price_type, price, lever, volume, fee, hold)
    VALUES (:client, :index, 'open', 1, 'market', NULL, 20, 1, 0.005050, 0.510050) RETURNING id
), held AS (
    INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
    SELECT :client * 8, :client * 8 + 2, 0.510050, 'hold', 'order:' || id FROM placed
)
SELECT id FROM placed;
COMMIT;
"""

# One order's fill as statements of its own, with everything that it moves.
FILL = """
\\set client :first + random(0, 999)
\\set number :orders + random(0, 9999)
\\set unique random(1, 1000000000000)
BEGIN;
SELECT account, amount FROM ledger_lock(ARRAY[:client::bigint * 8]);
SELECT id, volume, hold FROM contracts_order WHERE id = :number AND status = 'pending' FOR UPDATE;
SELECT id, volume, notional, margin FROM contracts_position
WHERE client_id = :client AND index_id = :index AND direction = 1 AND closed_at IS NULL FOR NO KEY UPDATE;
SELECT reserved, units FROM market_making_pool WHERE id = 1 FOR UPDATE;
SELECT balance - floor FROM ledger_account WHERE id = 4611686018427387905;
SELECT index_id, direction, quantity, notional, bound, volume FROM market_making_exposure;
INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference) VALUES
    (:client * 8, :client * 8 + 1, 0.500100, 'margin', 'bench:' || :unique),
    (:client * 8, 4611686018427387905, 0.001500, 'fee_pool', 'bench:' || :unique),
    (:client * 8, 4611686018427387907, 0.001500, 'fee_incentive', 'bench:' || :unique),
    (:client * 8, 4611686018427387908, 0.002001, 'fee_revenue', 'bench:' || :unique);
INSERT INTO contracts_position (client_id, index_id, direction, volume, notional, margin, lever, fee_rate, mmr,
    liquidation_fee_rate, max_profit_rate, contract_size, spread, liquidation_price, cap_price, lower_trigger,
    upper_trigger)
VALUES (:client, :index, 1, 1, 10.002, 0.5001, 20, 0.0005, 0.005, 0.0025, 9, 0.01, 0.0004, 955, 1450, 955, 1450)
ON CONFLICT (client_id, index_id, direction) WHERE closed_at IS NULL
DO UPDATE SET volume = contracts_position.volume + 1, margin = contracts_position.margin + 0.5001;
UPDATE contracts_order SET status = 'filled', filled_volume = volume, hold = 0, fill_price = 1000.2
WHERE id = :number;
UPDATE market_making_pool SET reserved = reserved + 4.5 WHERE id = 1;
INSERT INTO market_making_exposure (index_id, direction, quantity, notional, bound, volume)
VALUES (:index, 1, 0.01, 10.002, 4.5, 1)
ON CONFLICT (index_id, direction) DO UPDATE SET bound = market_making_exposure.bound + 4.5;
INSERT INTO contracts_dayvolume (index_id, day, volume) VALUES (:index, current_date, 1)
ON CONFLICT (index_id, day) DO UPDATE SET volume = contracts_dayvolume.volume + 1;
COMMIT;
"""


def order_http(port: int, seconds: float = 8) -> Row:
    """Accepting orders over HTTP, 8 connections, against the same statements by pgbench with 8 clients."""
    [index] = world.make_indexes(1)
    clients = world.make_clients(8)
    body = orjson.dumps({"id": public_ids.encode(index), "direction": "buy", "price_type": "market", "volume": 1})
    requests = [load.request("POST", "/api/v1/contract/order/create", world.token(c), body) for c in clients]

    def fresh() -> None:
        world.tick(1, PRICE, sql.database_time() + timedelta(seconds=3600))

    def measure() -> float:
        fresh()
        return load.rate(port, requests, seconds, _good)

    def limit() -> float:
        fresh()
        return pgbench(ACCEPT, clients=8, seconds=seconds, variables={"first": clients[0], "index": index})

    load.rate(port, requests[:1], 1, lambda _body: True)
    return Row("order_http", *in_turns(measure, limit), "orders/s", 0.40)


def reads(port: int, seconds: float = 4) -> list[Row]:
    """Market and 500 candles against an empty view of the same server."""
    [index] = world.make_indexes(1)
    client = world.make_clients(1)[0]
    now = sql.database_time()
    world.tick(1, PRICE, now)
    sql.execute(
        """
        INSERT INTO indexes_candle (index_id, interval, start, open, high, low, close)
        SELECT %s, 1, extract(epoch FROM date_trunc('minute', now()))::bigint - 60 * n, 1000.1, 1001.2, 999.3, 1000.4
        FROM generate_series(1, 600) AS n
        """,
        [index],
    )
    token = world.token(client)
    public = public_ids.encode(index)
    market = load.request("GET", f"/api/v1/contract/index/market?id={public}", token)
    candles = load.request("GET", f"/api/v1/contract/index/kline?id={public}&interval=1min&limit=500", token)
    empty = load.request("GET", "/healthz")

    def of(text: bytes) -> Callable[[], float]:
        return lambda: load.rate(port, [text] * 8, seconds, _good)

    with world.ticking(1, PRICE):
        return [
            Row("read_market", *in_turns(of(market), of(empty)), "requests/s", 0.45),
            Row("read_candles", *in_turns(of(candles), of(empty)), "requests/s", 0.45),
        ]


def fills(count: int = 10_000) -> Row:
    """The engine fills market orders that wait for one tick, against one connection doing the same one by one."""
    [index] = world.make_indexes(1)
    clients = world.make_clients(1000)
    world.fill_pool(clients[0])
    world.tick(1, PRICE, sql.database_time())

    def place() -> int:
        [(first,)] = sql.rows(
            """
            WITH placed AS (
                INSERT INTO contracts_order (client_id, index_id, kind, direction, price_type, lever, volume, fee, hold)
                SELECT %s + n %% 1000, %s, 'open', 1, 'market', 20, 1, 0.005050, 0.510050
                FROM generate_series(1, %s) AS n RETURNING id, client_id
            ), held AS (
                INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
                SELECT client_id * 8, client_id * 8 + 2, 0.510050, 'hold', 'order:' || id FROM placed
            )
            SELECT min(id) FROM placed
            """,
            [clients[0], index, count],
        )
        return int(first)

    def measure() -> float:
        place()
        time.sleep(1)
        moment = world.tick(1, PRICE, sql.database_time())
        began = time.monotonic()
        execute_all(moment, lambda: True)
        took = time.monotonic() - began
        [(left,)] = sql.rows("SELECT count(*) FROM contracts_order WHERE status <> 'filled'")
        if left:
            raise RuntimeError(f"{left} orders were not filled")
        return count / took

    def limit() -> float:
        first = place()
        variables = {"first": clients[0], "index": index, "orders": first}
        found = pgbench(FILL, clients=1, seconds=6, variables=variables)
        sql.execute("UPDATE contracts_order SET status = 'filled', hold = 0 WHERE status = 'pending'")
        return found

    return Row("fills", *in_turns(measure, limit), "fills/s", 0.60)


def tick_100(turns: int = 20) -> Row:
    """One tick of 100 indexes with all nine candles, against one prepared statement that writes the candles."""
    ids = world.make_indexes(100)
    at = sql.database_time()

    def measure() -> float:
        nonlocal at
        took = []
        for _ in range(turns):
            at += timedelta(seconds=1)
            began = time.monotonic()
            world.tick(100, PRICE, at)
            took.append(time.monotonic() - began)
        return statistics.median(took) * 1000

    def limit() -> float:
        nonlocal at
        took = []
        for _ in range(turns):
            at += timedelta(seconds=1)
            began = time.monotonic()
            sql.rows(
                "SELECT * FROM record_candles(%s::bigint[], %s::numeric[], %s)",
                [ids, [PRICE] * 100, int(at.timestamp())],
            )
            took.append(time.monotonic() - began)
        return statistics.median(took) * 1000

    return Row("tick_100", *in_turns(measure, limit), "ms", 1.5, at_least=False)


def tick_load(seconds: int) -> list[Row]:
    """An engine ticks 100 indexes with simulated prices: how much of each second it works, and how many it skips."""
    world.make_indexes(100)
    sql.execute("UPDATE indexes_constituent SET venues = '{simulated}'")
    took: dict[int, float] = {}
    with engine():
        began = time.monotonic()
        while time.monotonic() - began < seconds + 5:
            [(second, work, skipped)] = sql.rows(
                """
                SELECT ticked_at, read_seconds + decide_seconds + push_seconds + execute_seconds, skipped
                FROM indexes_leadership
                """
            )
            if second is not None:
                took[second] = work
            time.sleep(0.2)
    wanted = max(took) - min(took) + 1
    [(ticks,)] = sql.rows("SELECT count(*) FROM indexes_tick")
    if not skipped and ticks < 100 * wanted:
        raise RuntimeError(f"{ticks} ticks in {wanted} seconds")
    work = sorted(took.values())
    p50, p99 = (work[int(len(work) * share)] * 1000 for share in (0.5, 0.99))
    return [
        Row("tick_load_p50", p50, 1000, "ms", 1, at_least=False),
        Row("tick_load_p99", p99, 1000, "ms", 1, at_least=False),
        Row("tick_load_skip", skipped, wanted, "seconds", 0, at_least=False),
    ]
