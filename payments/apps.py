from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        from common import health, order_numbers, reconciliation
        from payments import channels, handlers, queries
        from payments.services import resolving
        from payments.services.deposits import DepositPayments

        channels.register()
        resolving.register()
        handlers.register(order_numbers.DEPOSIT, DepositPayments())
        reconciliation.register("payments", queries.differences)
        reconciliation.register("chain holdings", queries.holdings_differences)
        health.register("chain", queries.chain_health)
