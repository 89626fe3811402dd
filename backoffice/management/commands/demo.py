import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from backoffice import demonstration
from chain.development import CHAIN_ID


class Command(BaseCommand):
    help = "Loads the demonstration on the development chain: token, indexes, operator, a funded market pool."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--summary", action="store_true", help="only print the wallets to try")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.CHAIN_ID != CHAIN_ID:
            raise CommandError(f"The demonstration needs the development chain ({CHAIN_ID}), not {settings.CHAIN_ID}.")
        if options["summary"]:
            demonstration.summary(self.stdout.write)
            return
        password = os.environ.get("SOKE_ADMIN_PASSWORD")
        if not password:
            raise CommandError("Set SOKE_ADMIN_PASSWORD to the operator's password, or use `make run`.")
        demonstration.load(self.stdout.write, password)
