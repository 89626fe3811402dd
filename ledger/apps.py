from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = _("Ledger")

    def ready(self) -> None:
        from common import reconciliation
        from ledger import channels, queries, roles

        reconciliation.register("ledger", queries.differences)
        channels.register()
        post_migrate.connect(roles.narrow, sender=self)
