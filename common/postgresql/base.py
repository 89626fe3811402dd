"""Django's PostgreSQL, asked after its health without a round trip."""

import select

import psycopg2
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether a kept connection still is one, before a request's first statement.

        A server that ended it, or has anything else to say, has written to it; only then is it worth a statement.
        """
        try:
            heard, _, _ = select.select([self.connection], [], [], 0)
        except (OSError, ValueError, psycopg2.Error):
            return False
        return not heard or super().is_usable()
