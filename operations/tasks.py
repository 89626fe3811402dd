"""Pruning, and telling operators."""

from celery import shared_task
from django.utils import timezone

from operations import alerts
from operations.idempotency import KEPT
from operations.models import KeptAnswer


@shared_task
def prune() -> int:
    """Forgets answers older than 24 hours; the number forgotten."""
    deleted, _ = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted


@shared_task
def send_alerts() -> int:
    """Sends what operators should know; the number sent."""
    return alerts.send()
