"""The engine: once a second it reads the venues, ticks its indexes, and executes what the ticks decide.

One process leads a shard; others stand by. All of a second's decisions are one commit (ticks, candles, marks);
what they lead to is carried out in transactions of its own until the next second begins. Every transaction is
fenced by the leader's epoch, so a leader that was replaced can write nothing any more.
"""

import threading
import time
from itertools import pairwise

import structlog
from django.db import DatabaseError, connection

from common import sql
from common.sockets import publish
from contracts.channels import CLIENT_CHANNELS
from contracts.engine import news
from contracts.engine.deciding import decide
from contracts.engine.work import execute_all
from contracts.services import expire_orders
from indexes.leadership import STANDBY_SECONDS, Fenced, Leader, LeadershipLost, Report
from indexes.services import fill_gaps, wanted_quotes
from indexes.venues import Venues
from ledger.channels import BALANCE

log = structlog.get_logger(__name__)

# The longest pause of an engine that fails again and again.
LONGEST_PAUSE = 8.0


class Engine:
    """One engine of a shard; `run` returns after `stop`."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self.leader = Leader(shard)
        self._venues = Venues()
        self._stopping = threading.Event()
        self._ticked = 0
        self._failures = 0

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Leads whenever it can, until it is told to stop. No failure ends it: it lets go of the lead and tries
        again, and the database keeps what was committed."""
        while not self._stopping.is_set():
            try:
                if self._lead():
                    self._second()
                    self._failures = 0
            except (Fenced, LeadershipLost) as error:
                log.warning("lead_lost", shard=self.shard, error=str(error))
                self._let_go()
            except DatabaseError as error:
                log.warning("database_failed", shard=self.shard, error=str(error))
                self._let_go()
            except Exception as error:
                log.error("engine_failed", shard=self.shard, exc_info=error)
                self._let_go()
        self._let_go()

    def _let_go(self) -> None:
        """Gives up the lead and pauses, longer with each failure in a row: a cause that stays burns no epochs."""
        self.leader.resign()
        connection.close()
        self._stopping.wait(min(STANDBY_SECONDS * 2**self._failures, LONGEST_PAUSE))
        self._failures += 1

    def _lead(self) -> bool:
        if self.leader.leads:
            self.leader.heartbeat()
            return True
        if self.leader.try_lead():
            log.info("leading", shard=self.shard, epoch=self.leader.epoch)
            return True
        self._stopping.wait(STANDBY_SECONDS)
        return False

    def _second(self) -> None:
        """Waits for the next second of the database's clock, ticks, and executes until the one after it."""
        now = sql.database_time()
        if int(now.timestamp()) <= self._ticked:
            self._stopping.wait(1 - now.microsecond / 1_000_000)
            return
        times = [time.monotonic()]
        deadline = times[0] + 1 - now.microsecond / 1_000_000
        observations = self._venues.read(wanted_quotes(self.shard))
        times.append(time.monotonic())
        assert self.leader.epoch is not None
        results, moment = decide(self.shard, self.leader.epoch, observations)
        times.append(time.monotonic())
        self._ticked = int(moment.at.timestamp())
        news.tell(results)
        times.append(time.monotonic())
        work = execute_all(moment, lambda: self._has_time(deadline))
        times.append(time.monotonic())
        publish.clients_changed(work.touched, [*CLIENT_CHANNELS, BALANCE])
        phases = [after - before for before, after in pairwise(times)]
        self.leader.report(Report(self._ticked, phases, work.executions, work.failures))
        if self._has_time(deadline):
            expire_orders()
            fill_gaps(1)

    def _has_time(self, deadline: float) -> bool:
        """Whether the second is not over; keeps the lead's heartbeat going through long work."""
        self.leader.heartbeat()
        return time.monotonic() < deadline and not self._stopping.is_set()
