"""What must work for the platform to serve. Apps register their checks in `apps.py`; `/readyz` runs them all."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import redis
from django.db import DatabaseError, connection

from common.redis import client

# A failure in one sentence, or None. Runs in a thread, whose database connection is closed afterwards.
Check = Callable[[], str | None]

TIMEOUT_SECONDS = 2.0
_checks: dict[str, Check] = {}
_running: dict[str, Future[str | None]] = {}
_threads = ThreadPoolExecutor(16, thread_name_prefix="health")


def register(name: str, check: Check) -> None:
    _checks[name] = check


def names() -> list[str]:
    return list(_checks)


def failures() -> dict[str, str]:
    """The sentences of all checks that fail, or that give no answer in time, by name."""
    for name, check in _checks.items():
        # One that still hangs since the last time is not started again.
        if name not in _running or _running[name].done():
            _running[name] = _threads.submit(_guarded, check)
    futures = dict(_running)
    wait(futures.values(), TIMEOUT_SECONDS)
    found: dict[str, str] = {}
    for name, future in futures.items():
        sentence = future.result() if future.done() else f"No answer within {TIMEOUT_SECONDS:g} seconds."
        if sentence is not None:
            found[name] = sentence
    return found


def _guarded(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:
        return f"The check itself failed: {type(error).__name__}."
    finally:
        connection.close()


def _database() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return None


def _redis() -> str | None:
    try:
        client().ping()
    except redis.RedisError:
        return "Redis does not answer."
    return None


register("database", _database)
register("redis", _redis)
