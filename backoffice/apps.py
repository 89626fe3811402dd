from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AdminConfig):
    """Django's admin, on the site of our own."""

    default_site = "backoffice.site.OperatorsSite"


class BackofficeConfig(AppConfig):
    name = "backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        from backoffice import approvals, groups, sessions

        # The last room to be migrated: by then every room's permissions are there.
        post_migrate.connect(groups.after_migrate, sender=self, dispatch_uid="backoffice.groups")
        sessions.register()
        approvals.register()
