"""A kept connection that has ended is found out without asking it."""

import time

import psycopg2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


@pytest.fixture
def kept(committed: None) -> int:
    """The server process of the kept connection."""
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def test_a_good_one_is_not_asked(kept: int) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert connection.is_usable()
    assert not asked.captured_queries


def test_one_that_the_server_ended_is_made_anew(kept: int) -> None:
    ender = psycopg2.connect(connection.connection.dsn, password=connection.settings_dict["PASSWORD"])
    with ender.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [kept])
    ender.close()
    deadline = time.monotonic() + 5
    while connection.is_usable() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not connection.is_usable()
    connection.health_check_enabled, connection.health_check_done = True, False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != (kept,)
