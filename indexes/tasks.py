"""Pruning."""

from celery import shared_task

from indexes import services


@shared_task
def prune() -> int:
    """Forgets ticks older than 7 days; the number forgotten."""
    return services.prune_ticks()
