"""Sweeps: each may run twice at once or be killed half-way; the next one goes on."""

from celery import shared_task

from payments import services


@shared_task
def scan() -> None:
    """Reads what came in on chain, then books what is deep enough."""
    services.scan()
    services.settle()


@shared_task
def payouts() -> None:
    """Approves what may be approved by rule, ends what is deep on chain, pays what is approved."""
    services.approve_automatically()
    services.track()
    services.pay()


@shared_task
def watch() -> None:
    """Sends again payouts whose block was replaced after they were confirmed."""
    services.watch()


@shared_task
def expire() -> None:
    """Ends unpaid orders whose time is over."""
    services.expire()
