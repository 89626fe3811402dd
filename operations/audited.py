"""The base of every page on which operators write by a form: what was before and what is after stays in the audit."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from operations import audit

SECRET = {"password", "key"}


def plain(row: Model) -> dict[str, Any]:
    """A row's fields as text, without secrets; of many-to-many fields the names."""
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.name not in SECRET:
            value = field.value_from_object(row)
            found[field.name] = value if isinstance(value, None | bool | int | list | dict) else str(value)
    for field in row._meta.many_to_many:
        found[field.name] = sorted(str(other) for other in field.value_from_object(row))
    return found


class AuditedAdmin(ModelAdmin):
    """Django itself calls the `log_` methods, in the transaction that writes."""

    def audited(self, row: Any) -> dict[str, Any]:
        """What the audit keeps of a row; pages with inlines add theirs."""
        return plain(row)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.audited_before = self.audited(row)
        return row

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.record(request, "add", obj, None, self._now(obj), str(getattr(obj, "reason", "")))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        before, after = getattr(obj, "audited_before", {}), self._now(obj)
        changed = [name for name in after if before.get(name) != after[name]]
        old, new = {name: before.get(name) for name in changed}, {name: after[name] for name in changed}
        self.record(request, "change", obj, old, new)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for row in queryset:
            self.record(request, "delete", row, self.audited(row), None)
        return super().log_deletions(request, queryset)

    def record(
        self,
        request: HttpRequest,
        verb: str,
        row: Any,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        reason: str = "",
    ) -> None:
        """One audit row, for a form or for a list's action."""
        audit.record(
            operator=cast(User, request.user),
            action=f"{row._meta.model_name}.{verb}",
            object_type=row._meta.label,
            object_id=row.pk,
            reason=reason,
            before=before,
            after=after,
        )

    def _now(self, row: Any) -> dict[str, Any]:
        return self.audited(row._meta.model._default_manager.get(pk=row.pk))
