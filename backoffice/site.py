"""The operators' site: who is let in, and what nobody may do on any page."""

from typing import Any

from django.http import HttpRequest
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from backoffice import sessions


class OperatorsSite(UnfoldAdminSite):
    index_title = _("Dashboard")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Rows are ended one by one, by their own action and with a reason, if at all.
        self.disable_action("delete_selected")

    def get_urls(self) -> list[Any]:
        from backoffice import configuration, exports

        return [
            path("configuration/", self.admin_view(configuration.page), name="configuration"),
            path("export/<str:app_label>/<str:model_name>/", self.admin_view(exports.export_list), name="export"),
            path("statement/<int:client_id>/", self.admin_view(exports.export_statement), name="statement"),
            *super().get_urls(),
        ]

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and sessions.is_whole(request)
