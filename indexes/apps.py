from django.apps import AppConfig


class IndexesConfig(AppConfig):
    name = "indexes"

    def ready(self) -> None:
        import indexes.venues.simulated  # noqa: F401 -- registers itself
        from common import health, reconciliation
        from indexes import queries
        from indexes.health import engine

        health.register("engine", engine)
        reconciliation.register("candles", queries.differences)
