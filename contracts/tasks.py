"""Jobs of contracts."""

from celery import shared_task

from contracts import services


@shared_task
def expire() -> int:
    """Refuses orders that met no tick in 10 s, also while no engine runs."""
    return services.expire_orders()
