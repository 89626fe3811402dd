from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketMakingConfig(AppConfig):
    name = "market_making"
    verbose_name = _("Market making")

    def ready(self) -> None:
        from common import order_numbers, reconciliation
        from market_making import queries, services, settlement
        from operations import runs
        from payments import handlers

        reconciliation.register("market pool", queries.differences)
        handlers.register(order_numbers.PLEDGE, services.PledgePayments())
        runs.register("pledges", settlement.step, label=_("pledges' income"))
