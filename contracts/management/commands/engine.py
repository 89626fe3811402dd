import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from contracts.engine.loop import Engine
from indexes.models import DEFAULT_SHARD


class Command(BaseCommand):
    help = "Runs an engine: ticks the indexes of a shard and executes their orders. A second one stands by."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--shard", default=DEFAULT_SHARD, help="which indexes; see an index's `engine` field")

    def handle(self, *args: Any, **options: Any) -> None:
        engine = Engine(options["shard"])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: engine.stop())
        engine.run()
