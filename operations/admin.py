from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from common.admin import ReadOnlyAdmin, ReasonForm, carry_out, reason_of
from operations import approvals, halts
from operations.models import Alert, Approval, AuditEntry, Halt, KeptAnswer


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


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "operator", "action", "object_type", "object_id", "reason")
    list_filter = ("action", "operator")
    search_fields = ("object_id", "reason", "operator__username")
    list_select_related = ("operator",)
    date_hierarchy = "created_at"
    ordering = ("-id",)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """What waits for a second operator. Who may approve is asked by its kind."""

    list_display = (
        "kind_label",
        "object_id",
        "proposal",
        "reason",
        "status",
        "proposed_by",
        "proposed_at",
        "decided_by",
    )
    list_filter = ("status", "kind")
    search_fields = ("object_id", "reason", "proposed_by__username")
    list_select_related = ("proposed_by", "decided_by")
    date_hierarchy = "proposed_at"
    ordering = ("-id",)
    actions = ("approve", "reject")
    action_form = ReasonForm

    @admin.display(description=_("what is proposed"), ordering="kind")
    def kind_label(self, row: Approval) -> str:
        return approvals.label(row.kind)

    @admin.action(description=_("Approve what another operator proposed"))
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: approvals.approve(approval_id=row.pk, operator=operator, reason=reason),
        )

    @admin.action(description=_("Reject, with a reason"))
    def reject(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: approvals.reject(approval_id=row.pk, operator=operator, reason=reason),
        )


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "subject", "key", "sent_at", "attempts")
    search_fields = ("key", "subject")
    date_hierarchy = "created_at"
    ordering = ("-id",)
