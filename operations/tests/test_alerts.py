"""Alerts reach operators once, by mail and webhook, and never stand in anybody's way."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from operations import alerts
from operations.models import Alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[Any], list[int]]]:
    """A server's address, what it was sent, and the statuses it answers with, the last for good."""
    got: list[Any] = []
    statuses = [204]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", got, statuses
    server.shutdown()


def test_told_once_by_both_ways(settings: Any, webhook: tuple[str, list[Any], list[int]]) -> None:
    address, got, _statuses = webhook
    settings.ALERT_WEBHOOK, settings.ALERT_EMAILS = address, ["operators@example.com"]
    for _ in range(3):
        alerts.alert("low", "The wallet is low", "Top it up.")
    alerts.alert("other", "Another", "thing")
    assert alerts.send() == 2
    assert alerts.send() == 0
    assert [body["key"] for body in got] == ["low", "other"]
    assert got[0] == {"key": "low", "subject": "The wallet is low", "text": "The wallet is low\nTop it up."}
    assert [message.subject for message in mail.outbox] == ["[SOKE] The wallet is low", "[SOKE] Another"]
    # It lasts: after an hour it is told again.
    Alert.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    alerts.alert("low", "The wallet is low", "Top it up.")
    assert alerts.send() == 1


def test_what_fails_is_tried_again(settings: Any, webhook: tuple[str, list[Any], list[int]]) -> None:
    address, got, statuses = webhook
    statuses[:] = [500, 204]
    settings.ALERT_WEBHOOK = address
    alerts.alert("low", "Low", "")
    assert alerts.send() == 0
    assert alerts.send() == 1
    assert len(got) == 2
    settings.ALERT_WEBHOOK = "http://127.0.0.1:9/"
    alerts.alert("other", "Other", "")
    assert alerts.send() == 0
    assert Alert.objects.get(key="other").attempts == 1
