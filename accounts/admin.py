from django.contrib import admin

from accounts.models import Client
from common.admin import ReadOnlyAdmin


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    list_display = ("id", "address", "created_at", "last_sign_in_at")
    # In any case, and in part.
    search_fields = ("address",)
    date_hierarchy = "created_at"
    ordering = ("-id",)
