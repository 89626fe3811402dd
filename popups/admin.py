from django.contrib import admin

from operations.audited import AuditedAdmin
from popups.models import Popup


@admin.register(Popup)
class PopupAdmin(AuditedAdmin):
    list_display = ("title", "kind", "is_cancel", "client", "starts_at", "ends_at", "enabled")
    list_filter = ("kind", "enabled", "is_cancel")
    search_fields = ("title", "content", "client__address__iexact")
    list_select_related = ("client",)
    autocomplete_fields = ("client",)
    ordering = ("-id",)
