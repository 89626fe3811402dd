from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MiningConfig(AppConfig):
    name = "mining"
    verbose_name = _("Mining")

    def ready(self) -> None:
        from common import reconciliation
        from mining import queries, settlement
        from operations import runs

        reconciliation.register("mining", queries.differences)
        runs.register(settlement.JOB, settlement.settle, label=_("mining rewards"))
