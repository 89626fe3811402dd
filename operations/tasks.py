"""Pruning."""

from celery import shared_task
from django.utils import timezone

from operations.idempotency import KEPT
from operations.models import KeptAnswer


@shared_task
def prune() -> int:
    """Forgets answers older than 24 hours; the number forgotten."""
    deleted, _ = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted
