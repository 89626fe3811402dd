from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = _("Contracts")

    def ready(self) -> None:
        from common import reconciliation
        from contracts import channels, queries

        reconciliation.register("contracts", queries.differences)
        channels.register()
