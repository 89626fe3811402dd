"""Jobs of the back office."""

import structlog
from celery import shared_task

from backoffice import samples
from backoffice.reconcile import reconcile_settled
from operations import halts
from operations.alerts import alert

log = structlog.get_logger(__name__)

RECONCILE = "reconcile"


@shared_task
def reconcile() -> int:
    """Runs the checks on schedule; the number of differences, each logged as an error.

    One halts withdrawals: money that is not understood does not leave. An operator lifts the halt.
    """
    found = reconcile_settled()
    for difference in found:
        write = log.warning if difference.warning else log.error
        write("reconcile", check=difference.check, what=difference.what)
    errors = [f"{difference.check}: {difference.what}" for difference in found if not difference.warning]
    if errors:
        halts.start(
            kind=halts.Kind.WITHDRAW, index_id=None, reason=f"{len(errors)} differences"[:200], operator=RECONCILE
        )
        alert(
            "reconcile",
            f"The books do not agree: {len(errors)} differences",
            "\n".join([*errors[:50], "Withdrawals are halted until an operator lifts the halt (docs/runbooks.md)."]),
        )
    return len(errors)


@shared_task
def sample() -> None:
    """The minute's row for the dashboard's charts."""
    samples.take_sample()


@shared_task
def sum_up() -> None:
    """The day's flows for the dashboard's charts."""
    samples.sum_up_lately()
