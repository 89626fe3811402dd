"""Two engines and one shard: real processes, real connections."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from indexes import leadership
from indexes.leadership import Fenced, Leader, LeadershipLost, fence
from indexes.models import Leadership

pytestmark = pytest.mark.usefixtures("committed")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def leaders() -> Iterator[list[Leader]]:
    made: list[Leader] = []
    yield made
    for leader in made:
        leader.resign()


@pytest.fixture
def leader(leaders) -> Leader:
    leader = Leader(holder="first")
    leaders.append(leader)
    assert leader.try_lead()
    return leader


@pytest.fixture
def standby(leaders, leader) -> Leader:
    standby = Leader(holder="second")
    leaders.append(standby)
    return standby


# An engine that holds a transaction open in its own name, as one that was stopped in the middle of a tick.
ENGINE = textwrap.dedent(
    """
    import sys, time
    import django
    from django.conf import settings
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    from django.db import connection, transaction
    from indexes.leadership import Leader, fence

    leader = Leader(holder="child")
    if not leader.try_lead():
        sys.exit("another engine leads")
    with transaction.atomic():
        fence("main", leader.epoch)
        print(leader.epoch, flush=True)
        while True:
            leader.heartbeat()
            time.sleep(0.1)
    """
)


@contextmanager
def engine() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, connection.settings_dict["NAME"]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "1"
        yield process
    finally:
        process.kill()
        process.wait()


def take_over(standby: Leader) -> float:
    began = time.monotonic()
    while not standby.try_lead():
        assert time.monotonic() - began < 10
        time.sleep(leadership.STANDBY_SECONDS)
    return time.monotonic() - began


def test_one_leads_and_the_other_waits(leader, standby):
    assert leader.epoch == 1
    assert not standby.try_lead()
    leader.heartbeat()
    assert leader.leads
    assert not leader.lost
    assert Leadership.objects.get().holder == "first"


def test_shards_are_led_apart(leader, leaders):
    leaders.append(Leader("second"))
    assert leaders[1].try_lead()
    assert leader.leads


def test_after_the_leader_resigned_another_leads_with_the_next_epoch(leader, standby):
    leader.resign()
    assert standby.try_lead()
    assert standby.epoch == 2
    with transaction.atomic():
        fence("main", 2)
    with pytest.raises(Fenced), transaction.atomic():
        fence("main", 1)


def test_a_leader_learns_that_its_connection_is_gone(leader, standby):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 1000)", [Leadership.objects.get().backend])
    assert leader.lost
    assert not leader.leads
    with pytest.raises(LeadershipLost):
        leader.heartbeat()
    assert standby.try_lead()
    assert not leader.try_lead()


def test_heartbeats_pass_by_a_long_transaction(leader, standby):
    with transaction.atomic():
        fence("main", leader.epoch)
        began = time.monotonic()
        while time.monotonic() - began < leadership.PATIENCE_SECONDS + 1:
            leader.heartbeat()
            assert not standby.try_lead()
            time.sleep(0.2)


def test_a_leader_without_heartbeat_is_ended_with_its_open_transaction(leader, standby):
    def freeze_in_a_transaction() -> None:
        with transaction.atomic():
            fence("main", leader.epoch)
            # The standby does not wait for the transaction.
            assert 2 < take_over(standby) < 5
            Leadership.objects.update(holder="a zombie")

    with pytest.raises(DatabaseError):
        freeze_in_a_transaction()
    connection.close()
    assert leader.lost
    assert Leadership.objects.get().holder == "second"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_an_engine_that_dies_or_stops_in_a_transaction_is_followed_within_five_seconds(leaders, how):
    with engine() as child:
        standby = Leader(holder="standby")
        leaders.append(standby)
        assert not standby.try_lead()
        child.send_signal(how)
        assert take_over(standby) < 5
        assert standby.epoch == 2
        with transaction.atomic():
            fence("main", 2)


def test_a_stopped_engine_that_wakes_up_can_write_nothing(leaders):
    with engine() as child:
        child.send_signal(signal.SIGSTOP)
        leaders.append(Leader(holder="standby"))
        take_over(leaders[0])
        child.send_signal(signal.SIGCONT)
        assert child.wait(5) != 0
    assert Leadership.objects.get().holder == "standby"
