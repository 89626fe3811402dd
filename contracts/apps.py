from django.apps import AppConfig


class ContractsConfig(AppConfig):
    name = "contracts"

    def ready(self) -> None:
        from common import reconciliation
        from contracts import channels, queries

        reconciliation.register("contracts", queries.differences)
        channels.register()
