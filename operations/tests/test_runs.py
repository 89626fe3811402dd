"""Runs of jobs that settle: one effect, whoever asks how often, in whatever order, and killed wherever."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.admin.sites import site
from django.core.management import CommandError, call_command
from django.db import connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from common.times import SHANGHAI
from operations import runs
from operations.models import JobRun
from operations.runs import State, Waiting

DAY = date(2026, 3, 31)
STEPS = 3


class Counting:
    """A job of three steps; each adds one, unless it is told to wait or to fail."""

    def __init__(self) -> None:
        self.waits = self.fails = False
        self.pause = threading.Event()
        self.pause.set()
        self.inside = threading.Event()

    def __call__(self, run: JobRun) -> bool:
        self.inside.set()
        assert self.pause.wait(30)
        if self.waits:
            raise Waiting("prices")
        run.counts["steps"] = run.counts.get("steps", 0) + 1
        if self.fails:
            raise ValueError("broken")
        return bool(run.counts["steps"] == STEPS)


@pytest.fixture
def job() -> Iterator[Counting]:
    counting = Counting()
    runs.register("counting", counting, label="counting")
    yield counting
    del runs._jobs["counting"]


def row(day: date = DAY) -> tuple[str, int]:
    run = JobRun.objects.get(job="counting", day=day)
    return run.state, run.counts.get("steps", 0)


def test_a_run_is_done_once(db: None, job: Counting) -> None:
    first = runs.carry_out("counting", DAY)
    assert (first.did, row()) == (True, ("done", STEPS))
    again = runs.carry_out("counting", DAY, by_hand=True)
    assert (again.did, again.run.finished_at) == (False, first.run.finished_at)
    assert row() == ("done", STEPS)


def test_what_waits_says_for_what_and_begins_anew(db: None, job: Counting) -> None:
    job.waits = True
    waits = runs.carry_out("counting", DAY)
    assert (waits.run.state, waits.run.note, waits.did) == (State.WAITING, "prices", False)
    job.waits = False
    assert runs.carry_out("counting", DAY).did
    run = JobRun.objects.get()
    assert (run.state, run.note, run.attempts) == ("done", "", 2)


def test_what_fails_is_noted_and_nothing_of_it_stays(db: None, job: Counting) -> None:
    job.fails = True
    with pytest.raises(ValueError, match="broken"):
        runs.carry_out("counting", DAY)
    assert row() == ("waiting", 0)
    assert JobRun.objects.get().error == "ValueError: broken"
    job.fails = False
    assert runs.carry_out("counting", DAY).did
    assert JobRun.objects.get().error == ""


def test_a_day_left_half_way_is_finished_first(db: None, job: Counting) -> None:
    JobRun.objects.create(job="counting", day=DAY, state="running", counts={"steps": 1}, begun_at=runs.day_end(DAY))
    next_day = DAY + timedelta(days=1)
    assert runs.carry_out("counting", next_day).did
    assert [row(DAY), row(next_day)] == [("done", STEPS), ("done", STEPS)]


def test_a_missed_day_falls_into_the_next_run(db: None, job: Counting) -> None:
    job.waits = True
    runs.carry_out("counting", DAY)
    job.waits = False
    runs.carry_out("counting", DAY + timedelta(days=2))
    assert row() == ("missed", 0)
    # Also a day that nobody had asked for, and when an operator asks for it by hand.
    for day in (DAY, DAY + timedelta(days=1)):
        outcome = runs.carry_out("counting", day, by_hand=True)
        assert (outcome.did, row(day)) == (False, ("missed", 0))


def test_a_finished_run_looks_again_where_its_job_does(db: None, job: Counting) -> None:
    left = [2]

    def step(run: JobRun) -> bool:
        run.counts["did"] = run.counts.get("did", 0) + left[0]
        left[0] = 0
        return True

    runs.register("counting", step, label="counting", looks_again=True)
    runs.carry_out("counting", DAY)
    left[0] = 5
    assert not runs.carry_out("counting", DAY).did
    assert runs.carry_out("counting", DAY, by_hand=True).run.counts == {"did": 7}


def test_days_are_shanghais() -> None:
    due = time(0, 5)
    for local, expected in (
        ("2028-03-01 00:05", "2028-02-29"),
        ("2028-03-01 00:04", "2028-02-28"),
        ("2027-03-01 23:59", "2027-02-28"),
        ("2026-06-01 00:10", "2026-05-31"),
        ("2027-01-01 12:00", "2026-12-31"),
    ):
        now = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)
        assert runs.day_due(due, now) == date.fromisoformat(expected)
    assert runs.day_end(date(2028, 2, 29)) == datetime(2028, 2, 29, 16, tzinfo=UTC)


def test_two_at_once(committed: None, job: Counting) -> None:
    """One is in the middle of a step: the other leaves the run to it."""
    job.pause.clear()

    def run(_number: int) -> bool:
        try:
            return runs.carry_out("counting", DAY).busy
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, 1)
        assert job.inside.wait(30)
        assert pool.submit(run, 2).result(30) is True
        job.pause.set()
        assert first.result(30) is False
    assert row() == ("done", STEPS)


def test_the_command(db: None, job: Counting, capsys: Any, settings: Any) -> None:
    call_command("settle", "counting", "--date", "2028-02-29")
    call_command("settle", "counting", "--date", "2028-02-29")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "counting 2028-02-29: done: steps 3."
    assert said[1].startswith("counting 2028-02-29: done already, at ")
    job.waits = True
    with pytest.raises(CommandError, match="waits: prices"):
        call_command("settle", "counting", "--date", "2028-03-01")
    with pytest.raises(CommandError, match="YYYY-MM-DD"):
        call_command("settle", "counting", "--date", "2027-02-29")
    settings.CHAIN_ID = 1
    with pytest.raises(CommandError, match="is not over"):
        call_command("settle", "counting", "--date", str(runs.today()))


def test_operators_change_the_schedule(admin_client: Any) -> None:
    every = IntervalSchedule.objects.create(every=60, period="seconds")
    entry = PeriodicTask.objects.create(
        name="settle-pledges",
        task="operations.tasks.settle_due",
        interval=every,
        kwargs='{"job": "pledges", "due": "00:05"}',
    )
    page = f"/admin/django_celery_beat/periodictask/{entry.pk}/change/"
    assert admin_client.get(page).status_code == 200
    posted = {"enabled": "on", "interval": every.pk, "crontab": "", "due": "01:30"}
    assert admin_client.post(page, {**posted, "due": "25:00"}).status_code == 200
    assert admin_client.post(page, posted).status_code == 302
    entry.refresh_from_db()
    assert (entry.kwargs, entry.task) == ('{"job": "pledges", "due": "01:30"}', "operations.tasks.settle_due")
    assert admin_client.get("/admin/django_celery_beat/periodictask/add/").status_code == 403


def test_run_again_is_an_operators_right(db: None, job: Counting, rf: Any, django_user_model: Any) -> None:
    page = site._registry[JobRun]
    request = rf.get("/")
    request.user = django_user_model.objects.create_user("auditor", is_staff=True)
    assert "run_again" not in page.get_actions(request)
    request.user = django_user_model.objects.create_superuser("chief")
    assert "run_again" in page.get_actions(request)
