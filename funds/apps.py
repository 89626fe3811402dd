from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FundsConfig(AppConfig):
    name = "funds"
    verbose_name = _("Funds")

    def ready(self) -> None:
        from common import order_numbers, reconciliation
        from funds import queries
        from funds.services import periods
        from funds.services.purchases import FundPayments
        from operations import runs
        from payments import handlers

        handlers.register(order_numbers.FUND, FundPayments())
        reconciliation.register("funds", queries.differences)
        runs.register(periods.JOB, periods.settle, label=_("funds' rewards"), looks_again=True)
