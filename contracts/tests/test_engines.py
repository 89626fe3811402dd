"""Engines as processes, on a database that is slow, shared or changed under them."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import translation

from common import sql
from common.errors import Invalid, Refused
from contracts.models import Order, Position
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from indexes import terms
from indexes.models import Constituent, Index, IndexState, Leadership
from indexes.rules import INTERVALS
from indexes.services import compare_candles, missing_minutes

ROOT = Path(__file__).parents[2]


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextmanager
def engine(shard: str = "main") -> Iterator[None]:
    """`manage.py engine` on the test's database; it is stopped as `make run` stops it."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "engine", "--shard", shard], cwd=ROOT, env={**os.environ, "DATABASE_URL": url}
    )
    try:
        yield
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Repeats some work in a thread with a connection of its own; its error fails the test."""
    stopping = threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            while not stopping.is_set():
                work()
                time.sleep(0.05)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    assert not errors, errors


@pytest.fixture
def desk(committed) -> Iterator[Desk]:
    """Its index has a simulated price from now on: only engines tick it."""
    desk = Desk("100", code="enginea")
    sql.execute("DELETE FROM indexes_tick")
    sql.execute("UPDATE indexes_constituent SET venues = '{simulated}'")
    yield desk
    # What a test left to be executed, it does not need any more.
    sql.execute("UPDATE contracts_order SET attempts = 0")
    desk.clean()


def another_index(desk: Desk, shard: str) -> Index:
    index = desk.new_index("engineb", shard=shard)
    Constituent.objects.update(venues=["simulated"])
    return index


def seconds(index: Index) -> list[int]:
    """The seconds that have a tick."""
    found = sql.rows("SELECT extract(epoch FROM at)::bigint FROM indexes_tick WHERE index_id = %s", [index.id])
    return [row[0] for row in found]


def ticked(index: Index, count: int) -> Callable[[], bool]:
    """Whether `count` more seconds have a tick by then."""
    before = len(seconds(index))
    return lambda: len(seconds(index)) >= before + count


def missing(index: Index) -> int:
    """How many seconds between the first and the last tick have none."""
    found = seconds(index)
    assert len(found) == len(set(found))
    return max(found) - min(found) + 1 - len(found)


def candles_are_whole(index: Index) -> None:
    assert missing_minutes(index.id) == []
    assert [found for code in INTERVALS.values() if code > 1 for found in compare_candles(index.id, code)] == []


def trade(desk: Desk, client: int, index: Index) -> None:
    """Opens, either way, or closes what is open."""
    try:
        open_ones = Position.objects.filter(client_id=client, index=index, closed_at=None)
        if (position := open_ones.first()) and random.random() < 0.4:
            desk.close(client, position)
        else:
            desk.order(client, random.choice([BUY, SELL]), 100, index=index)
    except (Refused, Invalid) as refusal:
        if refusal.reason not in {"close_waiting", "closing", "stale", "not_found"}:
            raise


def nothing_failed() -> None:
    assert not Order.objects.filter(attempts__gt=0).exists()
    assert not Position.objects.filter(attempts__gt=0).exists()


@pytest.mark.parametrize(("table", "engines"), [("indexes_indexstate", 1), ("indexes_tick", 1), ("indexes_tick", 2)])
def test_when_the_database_hangs_seconds_are_skipped_and_none_is_made_up_for(desk, table, engines):
    client = desk.client("10000")
    with ExitStack() as stack:
        for _ in range(engines):
            stack.enter_context(engine())
        wait_for("ticks", ticked(desk.index, 2))
        with transaction.atomic():
            sql.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            order = desk.order(client, BUY, 100)
            time.sleep(5)
            frozen = len(seconds(desk.index))
        released = time.monotonic()
        wait_for("ticks again", ticked(desk.index, 3))
        # One that waited for the lock, and then no more than one a second.
        assert len(seconds(desk.index)) - frozen <= time.monotonic() - released + 3
        wait_for("the order ends", lambda: Order.objects.get(id=order).status != "pending")
    assert 3 <= missing(desk.index) <= 10
    # The second that waited may find its prices too old; it is stale, then, and has no tick.
    assert missing(desk.index) <= Leadership.objects.get().skipped + engines
    assert Order.objects.get(id=order).status == "filled"
    assert sql.rows("SELECT id FROM indexes_tick WHERE at - fetched_since > interval '3 seconds'") == []
    candles_are_whole(desk.index)
    nothing_failed()


def test_two_engines_tick_their_own_indexes_and_share_one_pool(desk):
    other = another_index(desk, "b")
    clients = [desk.client("100000") for _ in range(4)]
    with engine(), engine("b"):
        wait_for("ticks", ticked(desk.index, 1))
        wait_for("ticks of b", ticked(other, 1))
        with ExitStack() as stack:
            for client in clients:
                stack.enter_context(
                    meanwhile(lambda client=client: trade(desk, client, random.choice([desk.index, other])))
                )
            time.sleep(8)
        wait_for("all is executed", lambda: not Order.objects.filter(status="pending").exists())
        shown = Client().get("/metrics").content.decode()
    reports = {report.shard: report for report in Leadership.objects.all()}
    assert set(reports) == {"main", "b"}
    for shard, report in reports.items():
        assert report.executions > 0
        assert report.failures == 0
        assert report.decide_seconds > 0
        assert f'soke_engine_epoch{{engine="{shard}"}} {report.epoch:.1f}' in shown
        assert f'soke_engine_skipped_seconds_total{{engine="{shard}"}} {report.skipped:.1f}' in shown
        assert f'soke_engine_parked{{engine="{shard}"}} 0.0' in shown
        assert f'soke_engine_stale_indexes{{engine="{shard}"}} 0.0' in shown
        for phase in ("read", "decide", "push", "execute"):
            assert f'soke_engine_phase_seconds{{engine="{shard}",phase="{phase}"}}' in shown
    for index in (desk.index, other):
        assert missing(index) <= reports[index.shard].skipped
        candles_are_whole(index)
        assert Order.objects.filter(index=index, status="filled").count() > 10
    nothing_failed()


def test_an_index_moves_to_another_engine_without_a_lost_or_doubled_second(desk):
    other = another_index(desk, "b")
    client = desk.client("100000")
    with engine(), engine("b"):
        wait_for("ticks", ticked(desk.index, 1))
        wait_for("ticks of b", ticked(other, 1))
        with meanwhile(lambda: trade(desk, client, desk.index)):
            for shard in ["b", "main"] * 4:
                time.sleep(random.uniform(0.2, 1.2))
                Index.objects.filter(id=desk.index.id).update(shard=shard)
                wait_for(f"ticks by {shard}", ticked(desk.index, 1))
        skipped = sum(Leadership.objects.values_list("skipped", flat=True))
        wait_for("all is executed", lambda: not Order.objects.filter(status="pending").exists())
    assert missing(desk.index) <= skipped
    assert missing(other) <= skipped
    assert set(Leadership.objects.values_list("failures", flat=True)) == {0}
    candles_are_whole(desk.index)
    nothing_failed()


def test_an_index_that_ticks_does_not_move_to_where_no_engine_runs(desk):
    index = desk.index
    moved = Index.objects.get(id=index.id)
    moved.shard = "nobody"
    with engine():
        wait_for("ticks", ticked(index, 1))
        with translation.override("en"):
            assert terms.objections(index, moved) == ["No engine nobody runs; the index would stop ticking."]
        with pytest.raises(DatabaseError, match="no engine leads nobody"):
            moved.save()
    # Nobody ticks it now, so that it may go anywhere.
    wait_for("the heartbeat is old", lambda: terms.objections(index, moved) == [])
    moved.save()
    assert IndexState.objects.get(index=index).last_price is not None
