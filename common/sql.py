"""Short forms for the hand-written statements of the hot path."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """All rows of a statement, in the current transaction."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def row(statement: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """The first row of a statement, or None."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found


def execute(statement: str, parameters: Parameters = ()) -> int:
    """Runs a statement; the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def database_time() -> datetime:
    """The database's clock now, not at the transaction's start."""
    found = row("SELECT clock_timestamp()")
    assert found is not None
    moment: datetime = found[0]
    return moment
