"""Jobs of the back office."""

import structlog
from celery import shared_task

from backoffice import samples
from backoffice.reconcile import reconcile as run

log = structlog.get_logger(__name__)


@shared_task
def reconcile() -> int:
    """Runs the checks on schedule; the number of differences, each logged as an error."""
    found = run()
    for difference in found:
        write = log.warning if difference.warning else log.error
        write("reconcile", check=difference.check, what=difference.what)
    return sum(not difference.warning for difference in found)


@shared_task
def sample() -> None:
    """The minute's row for the dashboard's charts."""
    samples.take_sample()


@shared_task
def sum_up() -> None:
    """The day's flows for the dashboard's charts."""
    samples.sum_up_lately()
