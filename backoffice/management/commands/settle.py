from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chain.development import CHAIN_ID
from operations import runs
from operations.runs import Outcome, State


class Command(BaseCommand):
    help = "Settles funds, pledges or power for an accounting day (Asia/Shanghai), or says that it was done already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", choices=runs.names())
        parser.add_argument("--date", help="the accounting day, YYYY-MM-DD; by default yesterday")

    def handle(self, *args: Any, **options: Any) -> None:
        job, today = options["job"], runs.today()
        day = _day(options["date"]) if options["date"] else today - timedelta(days=1)
        if day >= today and settings.CHAIN_ID != CHAIN_ID:
            raise CommandError(f"{day} is not over; today and later days are settled on the development chain only.")
        try:
            outcome = runs.carry_out(job, day, by_hand=True)
        except Exception as error:
            raise CommandError(f"{job} {day}: {type(error).__name__}: {error}") from error
        self.stdout.write(_sentence(outcome))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--date takes YYYY-MM-DD, not {text!r}.") from error


def _sentence(outcome: Outcome) -> str:
    """What was done; raises CommandError where the run could not be finished."""
    run = outcome.run
    name = f"{run.job} {run.day}"
    counts = ", ".join(f"{what} {value}" for what, value in run.counts.items())
    if run.state == State.MISSED:
        return f"{name}: missed; its work was done with a later day's."
    if run.state == State.DONE and not outcome.did:
        return f"{name}: done already, at {run.finished_at:%Y-%m-%d %H:%M:%S %Z}: {counts}."
    if run.state == State.DONE:
        return f"{name}: done: {counts}."
    if outcome.busy:
        raise CommandError(f"{name}: another process is at it.")
    raise CommandError(f"{name}: waits: {run.note}")
