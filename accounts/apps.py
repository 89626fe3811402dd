from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from accounts.authentication import authenticate_socket
        from common.sockets import registry

        registry.authenticator(authenticate_socket)
