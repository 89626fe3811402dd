"""Sweeps: each may run twice at once or be killed half-way; the next one goes on."""

from celery import shared_task

from funds import services


@shared_task
def redeem() -> int:
    """Carries out the redemptions that were asked for; their number."""
    return services.redeem_asked()


@shared_task
def pay_waiting() -> int:
    """Rewards the orders that wait for the reserve, once it was topped up; their number."""
    return services.pay_waiting()
