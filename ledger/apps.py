from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        from common import reconciliation
        from ledger import queries, roles

        reconciliation.register("ledger", queries.differences)
        post_migrate.connect(roles.narrow, sender=self)
