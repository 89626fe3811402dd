"""Lists of rooms outside the project, in the manner of our own: operators, their groups and devices."""

from typing import Any

from constance.admin import Config
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.utils.translation import gettext, pgettext_lazy
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from backoffice.models import DayFlow, Sample
from common.admin import ReadOnlyAdmin
from operations.audited import AuditedAdmin

for model in (User, Group, TOTPDevice, Config):
    if admin.site.is_registered(model):
        admin.site.unregister([model])


# Django writes the names of rights into the database, in English.
_RIGHTS = {
    "add": pgettext_lazy("right", "add"),
    "change": pgettext_lazy("right", "change"),
    "delete": pgettext_lazy("right", "delete"),
    "view": pgettext_lazy("right", "view"),
}


def _right(permission: Permission) -> str:
    """A right in the reader's language: its room, its table, what it is for."""
    kind = permission.content_type
    verb = permission.name.removeprefix("Can ").partition(" ")[0]
    said = _RIGHTS[verb] if permission.codename.startswith(f"{verb}_") and verb in _RIGHTS else gettext(permission.name)
    model = kind.model_class()
    if model is None:
        return f"{kind.app_label} | {kind.model} | {said}"
    return f"{model._meta.app_config.verbose_name} | {gettext(str(model._meta.verbose_name))} | {said}"


class WithRights(BaseModelAdmin):
    """Forms on which rights are chosen."""

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.related_model is Permission:
            field.label_from_instance = _right
        return field


@admin.register(User)
class OperatorAdmin(WithRights, UserAdmin, AuditedAdmin):
    """Operators. One who leaves is made inactive: what it did stays its own."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Whoever is added here is to work here; a group still says what it may do."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)


@admin.register(Group)
class OperatorGroupAdmin(WithRights, GroupAdmin, AuditedAdmin):
    pass


@admin.register(TOTPDevice)
class SecondFactorAdmin(AuditedAdmin):
    """A lost device is deleted here; its operator scans a new one at the next sign-in. The secret is never shown."""

    list_display = ("user", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "confirmed", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Sample)
class SampleAdmin(ReadOnlyAdmin):
    list_display = ("at", "equity", "reserved", "unrealised", "open_interest")
    ordering = ("-at",)
    show_full_result_count = False


@admin.register(DayFlow)
class DayFlowAdmin(ReadOnlyAdmin):
    list_display = ("day", "kind", "amount", "transfers")
    list_filter = ("kind",)
    date_hierarchy = "day"
    ordering = ("-day", "kind")
