from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = _("Contracts")

    def ready(self) -> None:
        from common import reconciliation
        from contracts import channels, queries
        from indexes import terms

        reconciliation.register("contracts", queries.differences)
        channels.register()
        terms.register(queries.objections)
