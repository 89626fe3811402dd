"""Records a venue's prices in a file that the venue `replay` plays."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common import sql
from indexes import venues
from indexes.models import Constituent
from indexes.venues.replay import Line, write_line


class Command(BaseCommand):
    help = "Records a venue's prices once a second, for SOKE_REPLAY_FILE."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("venue")
        parser.add_argument("file", type=Path)
        parser.add_argument("symbols", nargs="*", help="default: those that baskets price by the venue")
        parser.add_argument("--seconds", type=int, default=60, help="how long, from the first prices on")

    def handle(self, *args: Any, venue: str, file: Path, symbols: list[str], seconds: int, **options: Any) -> None:
        if venue not in venues.names():
            raise CommandError(f"There is no venue {venue} here.")
        wanted = symbols or sorted(
            set(Constituent.objects.filter(venues__contains=[venue]).values_list("symbol", flat=True))
        )
        if not wanted:
            raise CommandError(f"No basket prices a symbol by {venue}; name some.")
        reading = venues.Venues()
        started = time.monotonic()
        first: float | None = None
        with file.open("wb") as recording:
            while first is None or time.monotonic() - first < seconds:
                quotes = reading.read({venue: wanted}).get(venue, {})
                oldest = sql.database_time().timestamp() - settings.QUOTE_MAX_AGE
                prices = {
                    symbol: quote.price for symbol, quote in quotes.items() if quote.fetched_since.timestamp() >= oldest
                }
                now = time.monotonic()
                if first is None and not prices and now - started > max(60, seconds):
                    raise CommandError(f"{venue} has no prices.")
                if first is None and prices:
                    first = now
                if first is not None:
                    recording.write(write_line(Line(now - first, prices)))
                time.sleep(1 if first is not None else 0.1)
        self.stdout.write(f"{file}: {seconds} seconds of {', '.join(wanted)}")
