"""Compares longer candles with what their 1min candles give; --write repairs them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from indexes import services
from indexes.models import Index
from indexes.rules import INTERVALS, MINUTE


class Command(BaseCommand):
    help = "Compares longer candles with their 1min candles, and looks for missing minutes. Exits 1 on differences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("codes", nargs="*", help="codes of indexes; default all")
        parser.add_argument("--write", action="store_true", help="repair what differs")

    def handle(self, *args: Any, codes: list[str], write: bool, **options: Any) -> None:
        chosen = Index.objects.filter(code__in=codes) if codes else Index.objects.all()
        if unknown := set(codes) - {index.code for index in chosen}:
            raise CommandError(f"There is no index {', '.join(sorted(unknown))}.")
        differences = 0
        for index in chosen:
            differences += self._compare(index)
            if write:
                self.stdout.write(f"{index.code}: {services.repair_candles(index.pk)} candles repaired")
        if differences and not write:
            raise CommandError(f"{differences} differences; --write repairs them.", returncode=1)
        if not differences:
            self.stdout.write("Every candle is what its minutes give.")

    def _compare(self, index: Index) -> int:
        found = 0
        for start, end, _ in services.missing_minutes(index.pk):
            found += 1
            self.stdout.write(f"{index.code}: no candles of the minutes {start} to {end}")
        for interval in INTERVALS.values():
            if interval != MINUTE:
                for mismatch in services.compare_candles(index.pk, interval):
                    found += 1
                    self.stdout.write(f"{index.code}: {mismatch}")
        return found
