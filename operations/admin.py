from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from common.admin import ReadOnlyAdmin
from operations import halts
from operations.models import Halt, KeptAnswer


@admin.register(KeptAnswer)
class KeptAnswerAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "client_id", "path", "key")
    search_fields = ("=client_id", "key")
    ordering = ("-id",)


@admin.register(Halt)
class HaltAdmin(ModelAdmin):
    """A halt is added, and later lifted by the action; it is never edited or deleted."""

    list_display = ("kind", "index_id", "reason", "started_by", "started_at", "lifted_by", "lifted_at")
    list_filter = ("kind", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("reason", "started_by")
    ordering = ("-id",)
    fields = ("kind", "index_id", "reason")
    actions = ("lift",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Halt, form: ModelForm, change: bool) -> None:
        started = halts.start(
            kind=obj.kind, index_id=obj.index_id, reason=obj.reason, operator=request.user.get_username()
        )
        obj.pk = started.pk

    @admin.action(description=_("Lift the chosen halts"), permissions=["change"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Halt]) -> None:
        for halt in queryset:
            halts.lift(halt_id=halt.pk, operator=request.user.get_username())
