"""Jobs of the pool. Its settlement runs through operations.runs."""

from celery import shared_task

from market_making import services


@shared_task
def count_leaving() -> int:
    """Counts cancelled pledges in the pool's row; their number."""
    return services.count_leaving()
