from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PopupsConfig(AppConfig):
    name = "popups"
    verbose_name = _("Popups")

    def ready(self) -> None:
        from common.http import gate
        from popups.gate import stand_in_the_way

        gate.register(stand_in_the_way)
