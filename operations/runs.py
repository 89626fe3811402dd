"""Runs of the jobs that settle once a day: what a job did for an accounting day, once, however often it is run.

A job is a function `step(run)`. It does a part of the work for `run.day` in the transaction it is called in, adds to
`run.counts` what it did, and answers whether the run is finished. The work goes on step by step, each committed with
its row, so that a run that died goes on where it stopped. One step of a job is carried out at a time: a transaction's
advisory lock keeps all others out, and a killed process has let go of it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import Any

import structlog
from django.db import transaction

from common import sql
from common.times import SHANGHAI
from operations.models import JobRun

State = JobRun.State
Step = Callable[[JobRun], bool]

log = structlog.get_logger(__name__)

# With a hash of the job's name: its advisory lock.
_LOCKS = 7_220_013


class Waiting(Exception):
    """Raised by a step that cannot be done at the moment: a sentence for operators says for what it waits. Nothing
    of the step is kept; the next try begins it anew."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking for a run: `did` something, `busy` in another process; else it waits or was done before."""

    run: JobRun
    did: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    step: Step
    label: Any
    looks_again: bool


_jobs: dict[str, _Job] = {}


def register(name: str, step: Step, *, label: Any, looks_again: bool = False) -> None:
    """Signs a job up for `manage.py settle NAME`, the schedule and the back office, which calls it `label`.

    With `looks_again` a finished run that is asked for by hand steps again, for what could not be done before (a
    reserve that was topped up since); the job then finds only what is left.
    """
    _jobs[name] = _Job(step, label, looks_again)


def names() -> list[str]:
    return sorted(_jobs)


def label(name: str) -> str:
    """The job in words."""
    return str(_jobs[name].label) if name in _jobs else name


def day_due(due: clock, now: datetime) -> date:
    """The accounting day whose run was due last: a day's run is due at `due`, Asia/Shanghai, of the next."""
    local = now.astimezone(SHANGHAI)
    return local.date() - timedelta(days=1 if local.time() >= due else 2)


def day_end(day: date) -> datetime:
    """The moment in which an accounting day ends: 00:00 of the next, Asia/Shanghai."""
    return datetime.combine(day + timedelta(days=1), clock(), SHANGHAI)


def today() -> date:
    """The accounting day by the database's clock."""
    return sql.database_time().astimezone(SHANGHAI).date()


def carry_out_due(name: str, due: clock) -> Outcome:
    """What the schedule asks for every minute: the run that was due last, and before it any that was left half-way.

    A day that nobody ran is not run by itself: its work is in this run, at the figures of the moment.
    """
    return carry_out(name, day_due(due, sql.database_time()))


def carry_out(name: str, day: date, *, by_hand: bool = False) -> Outcome:
    """Runs a job for an accounting day until it is finished, has to wait, or another process is at it.

    Runs of earlier days that were left half-way are finished first. Must not be called inside a transaction. What a
    step raises is noted in the run's row and raised.
    """
    for earlier in JobRun.objects.filter(job=name, state=State.RUNNING, day__lt=day).order_by("day"):
        outcome = _carry_out(name, earlier.day, by_hand=False)
        if outcome.run.state == State.RUNNING:
            return outcome
    return _carry_out(name, day, by_hand=by_hand)


def _carry_out(name: str, day: date, *, by_hand: bool) -> Outcome:
    job, did, first = _jobs[name], False, True
    while True:
        try:
            run, busy, went_on = _step(name, job, day, first=first, again=by_hand and job.looks_again and first)
        except Waiting as waits:
            JobRun.objects.filter(job=name, day=day).update(note=str(waits)[:200], error="")
            log.info("run_waits", job=name, day=str(day), waits_for=str(waits))
            return Outcome(JobRun.objects.get(job=name, day=day), did)
        except Exception as error:
            JobRun.objects.filter(job=name, day=day).update(error=f"{type(error).__name__}: {error}"[:2000], note="")
            log.error("run_failed", job=name, day=str(day), error=str(error))
            raise
        did, first = did or went_on, False
        if busy or not went_on or run.state == State.DONE:
            if did and run.state == State.DONE:
                log.info("run_done", job=name, day=str(day), **run.counts)
            return Outcome(run, did, busy)


def _step(name: str, job: _Job, day: date, *, first: bool, again: bool) -> tuple[JobRun, bool, bool]:
    """One step in a transaction of its own: the run, whether another process is at the job, whether the step was
    done."""
    began = time.monotonic()
    if first:
        sql.execute(
            """
            INSERT INTO operations_jobrun (job, day, attempts) VALUES (%s, %s, 1)
            ON CONFLICT (job, day) DO UPDATE SET attempts = operations_jobrun.attempts + 1
            WHERE operations_jobrun.state IN ('waiting', 'running')
            """,
            [name, day],
        )
    with transaction.atomic(durable=True):
        free = sql.row("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, name])
        run = JobRun.objects.get(job=name, day=day)
        if free != (True,):
            return run, True, False
        if run.state == State.WAITING and _later_began(run):
            run.state = State.MISSED
            run.save(update_fields=["state"])
        if run.state == State.MISSED or (run.state == State.DONE and not again):
            return run, False, False
        finished = job.step(run)
        now = sql.database_time()
        if run.state == State.WAITING:
            run.begun_at = now
            JobRun.objects.filter(job=name, day__lt=day, state=State.WAITING).update(state=State.MISSED, note="")
        run.state = State.DONE if finished else State.RUNNING
        run.finished_at = now if finished else None
        run.worked += timedelta(seconds=time.monotonic() - began)
        run.note = run.error = ""
        run.save(update_fields=["state", "counts", "note", "error", "worked", "begun_at", "finished_at"])
    return run, False, True


def _later_began(run: JobRun) -> bool:
    later = JobRun.objects.filter(job=run.job, day__gt=run.day, state__in=[State.RUNNING, State.DONE])
    return later.exists()
