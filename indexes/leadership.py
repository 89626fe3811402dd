"""Who may write in the name of a shard: one engine at a time, kept so by the database (migrations/engine.sql)."""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from common import sql
from indexes.models import DEFAULT_SHARD, Index

FENCED = "SK001"
BEAT_SECONDS = 1.0
# A leader whose heartbeat is older is ended; with the standby's own pace below it, a take-over stays under 5 s.
PATIENCE_SECONDS = 3.0
STANDBY_SECONDS = 0.5

_UNREACHABLE = (psycopg2.OperationalError, psycopg2.InterfaceError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """A second of the engine: which one (unix), how many seconds it took to read the venues, decide, push and execute,
    and how many executions it carried out and saw fail."""

    second: int
    phases: list[float]
    executions: int
    failures: int


class Fenced(Exception):
    """Another engine leads the shard: give up the transaction and stop leading."""


class LeadershipLost(Exception):
    """The leader's own connection, and with it the lead, is gone."""


def fence(shard: str, epoch: int) -> None:
    """At the head of each transaction of an engine: raises Fenced unless `epoch` is the shard's, and keeps any other
    engine from taking over before the transaction ends."""
    fenced("SELECT index_fence(%s, %s)", [shard, epoch])


def fenced(statement: str, parameters: Sequence[Any]) -> tuple[Any, ...]:
    """The row of a statement that fences the transaction. Raises Fenced when another engine leads."""
    try:
        found = sql.row(statement, parameters)
    except DatabaseError as error:
        if is_fenced(error):
            raise Fenced(str(error)) from error
        raise
    assert found is not None
    return found


def is_fenced(error: DatabaseError) -> bool:
    """Whether the database refused a write because its epoch no longer leads."""
    return getattr(error.__cause__, "pgcode", None) == FENCED


def objections(before: Index, after: Index) -> Iterator[str]:
    """Why an index may not move to another engine now (migrations/shards.sql refuses it too)."""
    if before.shard != after.shard and _is_led(before.shard) and not _is_led(after.shard):
        yield _("No engine %(shard)s runs; the index would stop ticking.") % {"shard": after.shard}


def _is_led(shard: str) -> bool:
    return sql.row("SELECT index_led(%s)", [shard]) == (True,)


class Leader:
    """One engine's claim to a shard, on a connection of its own.

    A standby calls `try_lead` every STANDBY_SECONDS; a leader calls `heartbeat` as often as it likes, at least once
    a second, also between the transactions of long work.
    """

    def __init__(self, shard: str = DEFAULT_SHARD, holder: str | None = None) -> None:
        self.shard = shard
        self.holder = holder or f"{socket.gethostname()} {os.getpid()}"
        self.epoch: int | None = None
        self._connection: Any = None
        self._beaten = 0.0

    @property
    def leads(self) -> bool:
        """Whether it led when it last looked."""
        return self.epoch is not None

    @property
    def lost(self) -> bool:
        """Whether the lead is gone, asked at the database now."""
        try:
            self._beat()
        except LeadershipLost:
            return True
        return False

    def try_lead(self) -> bool:
        """Takes the lead if nobody has it, or if whoever has it no longer shows a heartbeat."""
        if self.epoch is not None:
            return True
        try:
            found = self._ask(
                "SELECT index_lead(%s, %s, %s * interval '1 second')", self.shard, self.holder, PATIENCE_SECONDS
            )
        except _UNREACHABLE as error:
            logger.warning("engine %s could not ask for the lead: %s", self.shard, error)
            self.resign()
            return False
        self.epoch = found[0]
        self._beaten = time.monotonic()
        return self.epoch is not None

    def heartbeat(self) -> None:
        """Shows that it lives, once a second at most. Raises LeadershipLost when it no longer leads."""
        if self.epoch is None or time.monotonic() - self._beaten >= BEAT_SECONDS:
            self._beat()

    def report(self, report: Report) -> None:
        """Shows that it lives, and what its last second was. Raises LeadershipLost when it no longer leads."""
        self._show(
            "SELECT index_report(%s, %s, %s, %s::float8[], %s, %s)",
            *(self.shard, self.epoch, report.second, report.phases, report.executions, report.failures),
        )

    def resign(self) -> None:
        """Gives up the lead and the connection; another may lead at once."""
        self.epoch = None
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _beat(self) -> None:
        self._show(
            "UPDATE indexes_leadership SET heartbeat_at = clock_timestamp() "
            "WHERE shard = %s AND epoch = %s RETURNING epoch",
            *(self.shard, self.epoch),
        )

    def _show(self, statement: str, *parameters: Any) -> None:
        """A statement that returns the epoch where it still leads."""
        found = None
        if self.epoch is not None:
            with contextlib.suppress(*_UNREACHABLE):
                found = self._ask(statement, *parameters)
        if found is None or found[0] is None:
            self.resign()
            raise LeadershipLost(self.shard)
        self._beaten = time.monotonic()

    def _ask(self, statement: str, *parameters: Any) -> Any:
        if self._connection is None:
            # A silent network must not look like a lead for longer than the standby's patience.
            self._connection = psycopg2.connect(
                **{
                    **connection.get_connection_params(),
                    "application_name": f"soke engine {self.shard}",
                    "tcp_user_timeout": int(PATIENCE_SECONDS * 1000),
                }
            )
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchone()
