"""Pruning, telling operators, and the jobs that settle."""

from datetime import date, time

from celery import shared_task
from django.utils import timezone

from operations import alerts, runs
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


@shared_task
def settle_due(job: str, due: str) -> None:
    """Carries out the run of a job that was due last, unless it is done; `due` is its time of day, `HH:MM`,
    Asia/Shanghai."""
    runs.carry_out_due(job, time.fromisoformat(due))


@shared_task
def settle(job: str, day: str) -> None:
    """Carries out a job's run for one accounting day, `YYYY-MM-DD`: what an operator asked for in the back office."""
    runs.carry_out(job, date.fromisoformat(day), by_hand=True)
