from django.contrib import admin

from common.admin import ReadOnlyAdmin
from operations.models import KeptAnswer


@admin.register(KeptAnswer)
class KeptAnswerAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "client_id", "path", "key")
    search_fields = ("=client_id", "key")
    ordering = ("-id",)
