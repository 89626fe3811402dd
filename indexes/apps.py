from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IndexesConfig(AppConfig):
    name = "indexes"
    verbose_name = _("Indexes")

    def ready(self) -> None:
        import indexes.venues.exchange
        import indexes.venues.simulated  # noqa: F401 -- both register themselves
        from common import health, reconciliation
        from indexes import leadership, queries, terms
        from indexes.health import engine
        from indexes.venues.replay import register_replay
        from operations import halts

        register_replay()
        health.register("engine", engine)
        reconciliation.register("candles", queries.differences)
        terms.register(leadership.objections)
        halts.register_titles(queries.titles)
