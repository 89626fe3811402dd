"""The settlement as processes carry it out: twice at once, killed half-way, and by Celery's own worker and beat."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections

from common.redis import client as redis_client
from contracts.tests.desk import Desk
from ledger.models import Transfer
from market_making import services, settlement
from market_making.models import Pledge, PledgeResult, Pool, Settlement
from operations import runs
from operations.models import JobRun

ROOT = Path(__file__).parents[2]
PLEDGERS = 12
# Carries out the run, two pledges a batch; before its second batch is committed it says so and stays there.
KILLED = """
import time
import django
django.setup()
from market_making import settlement
from operations import runs
settlement.BATCH = 2
carry_out, batches = settlement._carry_out_batch, []
def stuck(*arguments):
    carry_out(*arguments)
    batches.append(1)
    if len(batches) == 2:
        print("half-way", flush=True)
        time.sleep(600)
settlement._carry_out_batch = stuck
runs.carry_out("pledges", runs.today())
"""


@pytest.fixture
def desk(committed: None) -> Iterator[Desk]:
    """A pool that has won 500 and from which a client leaves."""
    desk = Desk(pool="0")
    clients = [desk.client("0") for _ in range(PLEDGERS)]
    for number, client in enumerate(clients):
        desk.pledge(client, str(5000 + number))
    desk.trade(desk.client("20000"), 1, 1000)
    desk.tick("900")
    services.cancel_pledges(client_id=clients[3])
    yield desk
    desk.clean()


@pytest.fixture
def environment() -> dict[str, str]:
    """For processes of their own, on the test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": "",
        "DJANGO_SETTINGS_MODULE": "soke_project.settings",
    }


def assert_settled_once() -> None:
    run = Settlement.objects.get()
    assert run.finished_at is not None
    assert run.due > 500
    assert PledgeResult.objects.count() == PLEDGERS
    paid = Transfer.objects.filter(kind__in=["pledge_income", "pledge_return"])
    assert sum(paid.values_list("amount", flat=True)) == run.due
    assert Pledge.objects.live().count() == PLEDGERS - 1
    assert Pool.objects.get().unit_epoch == 2


def test_two_at_once(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(settlement, "BATCH", 1)
    day = runs.today()

    def run(_number: int) -> bool:
        try:
            while (outcome := runs.carry_out("pledges", day)).run.state != "done":
                time.sleep(0.01)
            return outcome.did
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert any(pool.map(run, range(4)))
    assert_settled_once()


def test_killed_half_way(desk: Desk, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert any("half-way" in line for line in process.stdout)
        # Another leaves the run to it while it lives.
        outcome = runs.carry_out("pledges", runs.today())
        assert (outcome.busy, outcome.did) == (True, False)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    # The first batch is committed, the second gone; what was paid and what is still due add up.
    half = Settlement.objects.get()
    assert (half.finished_at, PledgeResult.objects.count()) == (None, 2)
    desk.clean()
    # Who joins now buys at the new worth, and has no part in this settlement.
    desk.tick("900")
    desk.pledge(desk.client("0"), "1000")
    assert D("999.9999") < Pledge.objects.latest("id").units <= 1000
    wait_for("the killed process's lock is free", lambda: runs.carry_out("pledges", runs.today()).did)
    settled = JobRun.objects.get()
    assert (settled.state, settled.counts["pledges"]) == ("done", PLEDGERS)
    assert Pledge.objects.latest("id").principal == 1000
    assert Pledge.objects.live().count() == PLEDGERS
    assert PledgeResult.objects.count() == PLEDGERS


def test_a_day_left_half_way_is_finished_before_the_next(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(settlement, "BATCH", 5)
    day = runs.today()
    run, _busy, _did = runs._step("pledges", runs._jobs["pledges"], day, first=True, again=False)
    assert run.state == "running"
    assert runs.carry_out("pledges", day + timedelta(days=1)).did
    first, second = Settlement.objects.order_by("day")
    assert first.finished_at <= second.fixed_at
    assert (PledgeResult.objects.filter(settlement=first).count(), second.due) == (PLEDGERS, D(0))


def test_the_command(desk: Desk, environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "settle", "pledges", "--date", str(runs.today())]
    said = [
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert f"pledges {runs.today()}: done: " in said[0]
    assert "done already, at " in said[1]
    assert_settled_once()


def test_worker_and_beat_settle(desk: Desk, environment: dict[str, str]) -> None:
    """Both started as `make run` starts them, on a queue of the test's own, with a schedule of this job alone."""
    queue = f"settle-{os.getpid()}"
    only = (
        "from soke_project.celery import app; import sys; "
        f"app.conf.task_default_queue = {queue!r}; "
        "app.conf.beat_schedule = {'settle-pledges': {**app.conf.beat_schedule['settle-pledges'], 'schedule': 1.0}}; "
    )
    worker = only + "app.worker_main(['worker', '--pool', 'threads', '--concurrency', '1', '--loglevel', 'INFO'])"
    beat = only + "app.start(['beat', '--loglevel', 'INFO', '--pidfile='])"
    try:
        with ExitStack() as stack:
            for script in (worker, beat):
                process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment)
                stack.callback(process.wait, 30)
                stack.callback(process.terminate)
            # The price stays fresh, as with an engine that runs.
            wait_for("yesterday is settled", lambda: desk.tick("900") or _done(), 90)
    finally:
        redis_client().delete(queue)
    run = JobRun.objects.get(state="done")
    assert runs.today() - run.day in (timedelta(days=1), timedelta(days=2))
    # Whoever cancelled today stays until today's settlement.
    assert (PledgeResult.objects.count(), Pledge.objects.live().count()) == (PLEDGERS, PLEDGERS)


def _done() -> bool:
    return JobRun.objects.filter(job="pledges", state="done").exists()


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
