"""The platform whole: as `make run` starts it, gone through by the tour, and broken while clients trade."""

import json
import logging
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg2
import pytest
from websockets.sync.client import connect

from common import public_ids
from indexes.rules import INTERVALS, next_bucket
from launcher.environment import ROOT, python
from launcher.processes import spawn
from tests.e2e.running import Platform, is_alive, running, stays, wait_for
from tests.e2e.traders import Trader, traffic

pytestmark = pytest.mark.slow
log = logging.getLogger(__name__)

# Seconds from a kill until the platform serves again; measured are 1 to 10 on two busy cores.
RESTART = 30
PROCESSES = ("web", "worker", "engine", "postgresql", "valkey", "anvil", "beat")
TAKE_OVER = 5


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with running() as platform:
        yield platform


@pytest.fixture(scope="session")
def traders(platform: Platform) -> list[Trader]:
    """Three wallets with money; the tour has another."""
    made = [Trader(platform, number) for number in (4, 5, 6)]
    for trader in made:
        trader.deposit("3000")
    for trader in made:
        wait_for("a deposit is credited", lambda trader=trader: trader.available() == 3000)
    return made


def settled(platform: Platform, traders: list[Trader]) -> None:
    """After the traffic: nothing is half done, nothing happened twice, and the books agree."""
    pending = "SELECT count(*) FROM contracts_order WHERE status = 'pending' AND price_type = 'market'"
    wait_for("no order at the market price is pending", lambda: platform.value(pending) == 0, 20)
    half_done = {
        "filled without exactly one fill": """
            SELECT o.id FROM contracts_order AS o LEFT JOIN contracts_fill AS f ON f.order_id = o.id
            GROUP BY o.id HAVING count(f.id) <> (o.status = 'filled')::int
        """,
        "fill of neither an order nor a mark": """
            SELECT id FROM contracts_fill WHERE order_id IS NULL AND kind NOT IN ('liquidation', 'cap')
        """,
        "position that its fills do not give": """
            SELECT p.id FROM contracts_position AS p JOIN contracts_fill AS f ON f.position_id = p.id
            GROUP BY p.id HAVING sum(CASE f.kind WHEN 'open' THEN f.volume ELSE -f.volume END) <> p.volume
        """,
        "execution that failed": """
            SELECT id FROM contracts_order WHERE attempts > 0
            UNION ALL SELECT id FROM contracts_position WHERE attempts > 0
        """,
        "two ticks of one second": "SELECT at FROM indexes_tick GROUP BY index_id, at HAVING count(*) > 1",
        "a second of two leaders": "SELECT at FROM indexes_tick GROUP BY at HAVING count(DISTINCT epoch) > 1",
        "a tick of a leader that was replaced": """
            SELECT id FROM (SELECT id, epoch, max(epoch) OVER (ORDER BY id) AS newest FROM indexes_tick) AS ticks
            WHERE epoch < newest
        """,
    }
    assert {what: platform.rows(query) for what, query in half_done.items()} == {what: [] for what in half_done}
    for trader in traders:
        # Not one that was accepted is missing, and no repeat made a second one.
        orders = platform.rows("SELECT id FROM contracts_order WHERE client_id = %s ORDER BY id", trader.id)
        assert [row[0] for row in orders] == sorted(trader.accepted)
        log.info("%s orders, %s repeats, refusals %s", len(orders), trader.repeated, dict(trader.refusals))
    assert "Clean" in platform.manage("reconcile")
    wait_for("the candles have no gap", lambda: not candle_gaps(platform))
    platform.manage("rebuild_candles")


def candle_gaps(platform: Platform) -> list[tuple[int, int, int]]:
    """Index, interval and start of each candle that the next one does not follow. Every index has all intervals."""
    candles: dict[tuple[int, int], list[int]] = {}
    for index, interval, start in platform.rows("SELECT index_id, interval, start FROM indexes_candle ORDER BY start"):
        candles.setdefault((index, interval), []).append(start)
    assert len(candles) == len(INTERVALS) * platform.value("SELECT count(*) FROM indexes_index")
    return [
        (index, interval, start)
        for (index, interval), starts in candles.items()
        for start, following in pairwise(starts)
        if next_bucket(interval, start) != following
    ]


def test_it_is_ready(platform: Platform) -> None:
    assert platform.ready()
    assert set(platform.pids()) == set(PROCESSES)


def test_the_tour_passes(platform: Platform) -> None:
    assert "The tour is complete." in platform.manage("tour")
    assert "Clean" in platform.manage("reconcile")


def test_a_request_whose_connection_died_gives_one_order(platform: Platform, traders: list[Trader]) -> None:
    trader = traders[0]
    index = trader.get("contract/indexes")[0]
    form = {"id": index["id"], "direction": "buy", "price_type": "limit", "volume": 1, "price": "1000"}
    body = json.dumps(form).encode()
    headers = {
        "Host": f"127.0.0.1:{platform.stack.port}",
        "Authorization": f"Bearer {trader.session.token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Idempotency-Key": "one-order",
    }
    lines = ["POST /api/v1/contract/order/create HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", platform.stack.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    orders = "SELECT id FROM contracts_order WHERE client_id = %s"
    [(order,)] = wait_for("the order is there", lambda: platform.rows(orders, trader.id))
    repeats = [trader.post("contract/order/create", key="one-order", **form) for _ in range(2)]
    assert [answer["data"]["id"] for answer in repeats] == [public_ids.encode(order)] * 2
    assert platform.rows(orders, trader.id) == [(order,)]
    trader.accepted.append(order)
    assert trader.post("contract/order/cancel", id=public_ids.encode(order))["code"] == 200


def test_a_stale_index_fills_nothing_lets_cancel_and_recovers(platform: Platform, traders: list[Trader]) -> None:
    trader = traders[2]
    index = trader.get("contract/indexes")[0]
    order = {"id": index["id"], "direction": "buy", "volume": 10}
    [(code, symbols, basket)] = platform.rows(
        """
        SELECT i.code, array_agg(c.symbol), b.id FROM indexes_constituent AS c
        JOIN indexes_basket AS b ON b.id = c.basket_id JOIN indexes_index AS i ON i.id = b.index_id
        WHERE i.id = %s GROUP BY i.id, b.id
        """,
        public_ids.decode(index["id"]),
    )

    def venues(name: str) -> None:
        platform.rows("UPDATE indexes_constituent SET venues = %s WHERE basket_id = %s", [name], basket)

    def place(price_type: str, **fields: str) -> dict[str, Any]:
        answer = trader.post("contract/order/create", price_type=price_type, **order, **fields)
        if answer["code"] == 200:
            trader.accepted.append(public_ids.decode(answer["data"]["id"]))
        return answer

    def filled(placed: dict[str, Any]) -> bool:
        return bool(
            platform.value("SELECT status FROM contracts_order WHERE id = %s", public_ids.decode(placed["data"]["id"]))
            == "filled"
        )

    def pushed(stale: bool) -> None:
        deadline = time.monotonic() + 20
        while True:
            frame = json.loads(socket.recv(timeout=max(0, deadline - time.monotonic())))
            if frame.get("ch") == f"index.market.{code}" and frame["data"]["stale"] is stale:
                return

    opened = place("market")
    wait_for("a position is open", lambda: filled(opened))
    limit = place("limit", price="1000")
    assert limit["code"] == 200, limit
    with connect(platform.stack.url.replace("http", "ws", 1) + "/ws") as socket:
        socket.send(json.dumps({"sub": f"index.market.{code}"}))
        pushed(stale=False)
        venues("nowhere")
        try:
            pushed(stale=True)
            fills = platform.fills()
            assert trader.get(f"contract/index/market?id={index['id']}")["stale"] is True
            for refused in (place("market"), place("limit", price="1000")):
                assert (refused["code"], refused["reason"]) == (500, "stale")
                assert refused["message"]
            [position] = [p for p in trader.get("contract/positions") if p["index"]["id"] == index["id"]]
            assert trader.post("contract/position/close", id=position["id"])["reason"] == "stale"
            assert trader.post("contract/order/cancel", id=limit["data"]["id"])["code"] == 200
            state = "SELECT stale_reason FROM indexes_indexstate WHERE index_id = %s"
            reason = platform.value(state, public_ids.decode(index["id"]))
            assert reason in {f"no_price {symbol}" for symbol in symbols}
            metrics = urllib.request.urlopen(f"{platform.stack.url}/metrics").read().decode()
            assert f'soke_index_stale{{index="{code}",reason="{reason}"}} 1.0' in metrics
            stays("no fill", lambda: platform.fills() == fills, 3)
        finally:
            venues("simulated")
        pushed(stale=False)
    again = place("market")
    wait_for("an order is filled again", lambda: filled(again))
    closed = trader.post("contract/position/close", id=position["id"])
    assert closed["code"] == 200
    trader.accepted.append(public_ids.decode(closed["data"]["id"]))


def test_everything_is_killed_while_clients_trade(platform: Platform, traders: list[Trader]) -> None:
    with traffic(traders):
        wait_for("orders are filled", lambda: platform.fills() > 10)
        for names in [*((name,) for name in PROCESSES), PROCESSES]:
            funds = owned(platform, traders[0])
            if names == ("worker",):
                traders[0].deposit("100")
            epoch, scans = platform.epoch(), scanned(platform)
            killed = platform.kill(*names)
            wait_for(f"/readyz after {names}", platform.ready, RESTART)
            ready = time.monotonic() - killed
            if "anvil" in names:
                platform.hurry_chain()
            if {"engine", "postgresql"} & set(names):
                wait_for(f"a new leader after {names}", lambda epoch=epoch: platform.has_ticked(epoch), RESTART)
            filled = platform.fills()
            wait_for(f"fills after {names}", lambda filled=filled: platform.fills() > filled, RESTART)
            wait_for(f"scans after {names}", lambda scans=scans: scanned(platform) > scans, RESTART)
            if names == ("worker",):
                wait_for("the deposit is credited", lambda funds=funds: owned(platform, traders[0]) == funds + 100)
            log.info("%s: ready %.1f s, all of it %.1f s", ", ".join(names), ready, time.monotonic() - killed)
        traders[1].deposit("100")
        paid = "SELECT count(*) FROM payments_paymentorder WHERE client_id = %s AND status = 2"
        wait_for("the last deposit is credited", lambda: platform.value(paid, traders[1].id) == 2)
    settled(platform, traders)
    assert platform.ready()


def owned(platform: Platform, trader: Trader) -> Decimal:
    """What a client has paid in, by the ledger."""
    paid_in = "SELECT coalesce(sum(amount), 0) FROM ledger_transfer WHERE kind = 'deposit' AND credit_id = %s"
    found: Decimal = platform.value(paid_in, trader.id * 8)
    return found


def scanned(platform: Platform) -> int:
    """The block up to which the worker has read the chain."""
    return int(platform.value("SELECT block_number FROM payments_scancursor"))


@contextmanager
def second_engine(platform: Platform) -> Iterator["subprocess.Popen[bytes]"]:
    """Another engine beside the platform's own. Its words go to `second.log`."""
    with (
        open(platform.directory / "second.log", "wb") as words,
        spawn(
            [python(), "manage.py", "engine"],
            environment=platform.stack.environment,
            directory=ROOT,
            stdout=words,
            stderr=subprocess.STDOUT,
        ) as engine,
    ):
        try:
            yield engine
        finally:
            engine.kill()


def test_two_engines(platform: Platform, traders: list[Trader]) -> None:
    def leads_alone(pid: int | None) -> None:
        wait_for("the other stands by", lambda: platform.engines() == 2)
        stays(f"{pid} leads", lambda: platform.holder() == pid, 1.5)

    def taken_over(epoch: int, began: float) -> float:
        wait_for("a tick of the next leader", lambda: platform.has_ticked(epoch), 15)
        return time.monotonic() - began

    with traffic(traders), second_engine(platform) as second:
        first = platform.stack.pid("engine")
        leads_alone(first)

        epoch, began = platform.epoch(), time.monotonic()
        platform.stack.kill("engine")
        seconds = taken_over(epoch, began)
        log.info("after kill -9 the standby ticked within %.1f s", seconds)
        assert seconds < TAKE_OVER
        assert platform.holder() == second.pid
        leads_alone(second.pid)

        epoch, began = platform.epoch(), time.monotonic()
        second.send_signal(signal.SIGSTOP)
        seconds = taken_over(epoch, began)
        log.info("after SIGSTOP the standby ticked within %.1f s", seconds)
        assert seconds < TAKE_OVER
        third = platform.stack.pid("engine")
        assert platform.holder() == third
        with pytest.raises(psycopg2.Error) as refused:
            platform.rows(
                """
                INSERT INTO indexes_tick (index_id, at, price, fetched_since, inputs, simulated, epoch)
                SELECT index_id, at + interval '1 hour', price, fetched_since, inputs, simulated, epoch
                FROM indexes_tick WHERE epoch = %s LIMIT 1
                """,
                epoch,
            )
        assert refused.value.pgcode == "SK001"
        second.send_signal(signal.SIGCONT)
        leads_alone(third)
        assert second.poll() is None

        second.terminate()
        assert second.wait(10) == 0
        assert platform.holder() == third
        filled = platform.fills()
        wait_for("orders are filled", lambda: platform.fills() > filled)
    words = (platform.directory / "second.log").read_text()
    assert "lead_lost" in words or "database_failed" in words, words
    settled(platform, traders)


def test_stopping_leaves_nothing_running_and_the_next_start_goes_on(platform: Platform, traders: list[Trader]) -> None:
    running = platform.processes()
    assert len(running) > len(PROCESSES)
    began = time.monotonic()
    platform.stack.stop()
    log.info("stopped in %.1f s", time.monotonic() - began)
    assert [pid for pid in running if is_alive(pid)] == []
    assert platform.pids() == {}
    platform.start()
    settled(platform, traders)
    running = platform.processes()
    platform.stack.stop()
    assert [pid for pid in running if is_alive(pid)] == []
