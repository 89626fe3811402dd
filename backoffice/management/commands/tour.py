from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from backoffice.tour.session import TourFailed
from backoffice.tour.steps import tour
from chain import development


class Command(BaseCommand):
    help = "Goes through every call against a running server on the development chain and prints what it did."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=f"http://127.0.0.1:{settings.PORT}", help="where the platform runs")
        parser.add_argument("--wallet", type=int, default=3, choices=range(3, 10), help="which free wallet, 3 to 9")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tour(options["url"], development.wallet(options["wallet"]), self.stdout.write)
        except TourFailed as error:
            raise CommandError(str(error)) from error
