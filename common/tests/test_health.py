"""What `/readyz` says when something fails, or does not answer at all."""

import threading

import pytest
from django.test import RequestFactory

from common import health
from soke_project.health import healthz, readyz


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_checks", {})
    monkeypatch.setattr(health, "_running", {})
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.2)


def test_healthz(rf: RequestFactory) -> None:
    assert healthz(rf.get("/healthz")).status_code == 200


def test_redis_and_database_are_checked() -> None:
    assert {"redis", "database"} <= set(health.names())
    assert health._redis() is None


def test_all_is_well(checks: None, rf: RequestFactory) -> None:
    health.register("one", lambda: None)
    answer = readyz(rf.get("/readyz"))
    assert (answer.status_code, answer.content) == (200, b'{"status": "ok", "checks": ["one"]}')


def test_failures_are_named(checks: None, rf: RequestFactory) -> None:
    never = threading.Event()
    starts: list[int] = []

    def hang() -> None:
        starts.append(1)
        never.wait()

    health.register("well", lambda: None)
    health.register("ill", lambda: "It is ill.")
    health.register("broken", lambda: str(1 // 0))
    health.register("hangs", hang)
    for _ in range(2):
        failed = health.failures()
        assert failed == {
            "ill": "It is ill.",
            "broken": "The check itself failed: ZeroDivisionError.",
            "hangs": "No answer within 0.2 seconds.",
        }
    assert starts == [1]
    never.set()
    assert readyz(rf.get("/readyz")).status_code == 503
