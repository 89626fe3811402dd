"""What operators should know at once, by mail or webhook.

An alert is a row, written in the transaction of what it tells of; a job sends it (operations.tasks.send_alerts). So
nothing waits for a mail server, and nothing is told that was rolled back.
"""

from datetime import timedelta

import httpx
import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from common import sql
from operations.models import Alert

log = structlog.get_logger(__name__)

# The same key is told again after so long, while it lasts.
QUIET = timedelta(hours=1)
MOST_ATTEMPTS = 20
_AT_ONCE = 20
_WEBHOOK_SECONDS = 5


def alert(key: str, subject: str, text: str) -> None:
    """Tells the operators, unless the same `key` was told within the hour."""
    log.error("alert", key=key, subject=subject)
    sql.execute(
        """
        INSERT INTO operations_alert (key, subject, text)
        SELECT %s, %s, %s WHERE NOT EXISTS (
            SELECT FROM operations_alert WHERE key = %s AND created_at > clock_timestamp() - %s
        )
        """,
        [key, subject[:200], text, key, QUIET],
    )


def send() -> int:
    """Sends what waits, each once; the number sent. What fails is tried again by the next sweep."""
    sent = 0
    waiting = Alert.objects.filter(sent_at=None, attempts__lt=MOST_ATTEMPTS).order_by("id")
    for alert_id in list(waiting.values_list("id", flat=True)[:_AT_ONCE]):
        with transaction.atomic():
            row = Alert.objects.select_for_update(skip_locked=True).filter(id=alert_id, sent_at=None).first()
            if row is None:
                continue
            try:
                _deliver(row)
                row.sent_at = sql.database_time()
                sent += 1
            except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
                # The webhook's address may bear a secret: only the kind of the error is told.
                log.warning("alert_not_sent", key=row.key, error=type(error).__name__)
            row.attempts += 1
            row.save(update_fields=["sent_at", "attempts"])
    return sent


def _deliver(row: Alert) -> None:
    """By every way that the settings name. Raises OSError (SMTP's errors are such) or httpx's."""
    if settings.ALERT_WEBHOOK:
        body = {"key": row.key, "subject": row.subject, "text": f"{row.subject}\n{row.text}"}
        httpx.post(settings.ALERT_WEBHOOK, json=body, timeout=_WEBHOOK_SECONDS).raise_for_status()
    if settings.ALERT_EMAILS:
        send_mail(f"[SOKE] {row.subject}", row.text, None, settings.ALERT_EMAILS)
