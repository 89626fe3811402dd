from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backoffice.reconcile import reconcile_settled
from common.reconciliation import checks


class Command(BaseCommand):
    help = "Checks ledger, balances, orders, positions, pledges, payments and the chain against each other."

    def handle(self, *args: Any, **options: Any) -> None:
        found = reconcile_settled()
        for difference in found:
            kind = "warning" if difference.warning else "DIFFERENCE"
            self.stdout.write(f"{kind}: {difference.check}: {difference.what}")
        failed = sum(not difference.warning for difference in found)
        if failed:
            raise CommandError(f"{failed} differences")
        self.stdout.write(f"Clean: {', '.join(checks())}.")
