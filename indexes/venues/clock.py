"""The database's clock, known to a thread that has no connection."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import sql

# How much a local clock may run fast against the database's.
_DRIFT = 0.001


@dataclass(frozen=True, slots=True)
class Clock:
    """What the database's clock showed, and the local monotonic time when that answer was here."""

    shown: datetime
    answered: float

    @classmethod
    def ask(cls) -> "Clock":
        shown = sql.database_time()
        return cls(shown, time.monotonic())

    @property
    def age(self) -> float:
        """Seconds since it was asked."""
        return time.monotonic() - self.answered

    def at_least(self, moment: float) -> datetime:
        """A time that the database's clock had reached at the local monotonic `moment`.

        The clock had shown `shown` by the local time `answered`, however long the answer was on its way.
        """
        elapsed = moment - self.answered
        return self.shown + timedelta(seconds=elapsed - abs(elapsed) * _DRIFT)
