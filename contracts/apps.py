from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = _("Contracts")

    def ready(self) -> None:
        from accounts import bans
        from common import reconciliation
        from contracts import channels, queries
        from contracts.services.ending import cancel_waiting_orders
        from indexes import terms

        reconciliation.register("contracts", queries.differences)
        channels.register()
        terms.register(queries.objections)
        bans.on_ban(cancel_waiting_orders)
