"""Who may write in the name of a shard: one engine at a time, kept so by the database (migrations/engine.sql)."""

import contextlib
import logging
import os
import socket
import time
from typing import Any

import psycopg2
from django.db import DatabaseError, connection

from common import sql
from indexes.models import DEFAULT_SHARD

FENCED = "SK001"
BEAT_SECONDS = 1.0
# A leader whose heartbeat is older is ended; with the standby's own pace below it, a take-over stays under 5 s.
PATIENCE_SECONDS = 3.0
STANDBY_SECONDS = 0.5

_UNREACHABLE = (psycopg2.OperationalError, psycopg2.InterfaceError)

logger = logging.getLogger(__name__)


class Fenced(Exception):
    """Another engine leads the shard: give up the transaction and stop leading."""


class LeadershipLost(Exception):
    """The leader's own connection, and with it the lead, is gone."""


def fence(shard: str, epoch: int) -> None:
    """At the head of each transaction of an engine: raises Fenced unless `epoch` is the shard's, and keeps any other
    engine from taking over before the transaction ends."""
    try:
        sql.row("SELECT index_fence(%s, %s)", [shard, epoch])
    except DatabaseError as error:
        if is_fenced(error):
            raise Fenced(str(error)) from error
        raise


def is_fenced(error: DatabaseError) -> bool:
    """Whether the database refused a write because its epoch no longer leads."""
    return getattr(error.__cause__, "pgcode", None) == FENCED


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

    def resign(self) -> None:
        """Gives up the lead and the connection; another may lead at once."""
        self.epoch = None
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _beat(self) -> None:
        found = None
        if self.epoch is not None:
            with contextlib.suppress(*_UNREACHABLE):
                found = self._ask(
                    "UPDATE indexes_leadership SET heartbeat_at = clock_timestamp() "
                    "WHERE shard = %s AND epoch = %s RETURNING epoch",
                    self.shard,
                    self.epoch,
                )
        if found is None:
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
