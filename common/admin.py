"""Bases of the back office's pages."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import DecimalField, ForeignKey, Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from common.errors import Invalid, Problem

# 40 and 64 hex digits: lists show their ends, and the whole to who points at them.
_LONG = {"client", "address", "sender", "tx_hash"}


@cache
def _ends(model: type[Model], name: str) -> Callable[[Any], str]:
    """A list's column of the field's first and last characters; a client's lead to its page."""
    field = model._meta.get_field(name)

    @admin.display(description=getattr(field, "verbose_name", name), ordering=name, empty_value="-")
    def shown(row: Any) -> str:
        value = str(getattr(row, name) or "")
        text = f"{value[:6]}…{value[-4:]}" if len(value) > 12 else value
        if isinstance(field, ForeignKey) and value:
            link = reverse("admin:accounts_client_change", args=[getattr(row, field.attname)])
            return format_html('<a href="{}" title="{}">{}</a>', link, value, text)
        return format_html('<span title="{}">{}</span>', value, text) if value else ""

    shown.__name__ = name
    return shown


@cache
def _grouped(model: type[Model], name: str) -> Callable[[Any], str | None]:
    """A list's column of a decimal field, in groups of three digits."""
    field = cast(DecimalField, model._meta.get_field(name))

    @admin.display(description=field.verbose_name, ordering=name)
    def shown(row: Any) -> str | None:
        value = getattr(row, name)
        return None if value is None else f"{value:,.{field.decimal_places}f}"

    shown.__name__ = name
    return shown


class ReadOnlyAdmin(ModelAdmin):
    """Rows that nobody writes by hand: money, and what the engine and the jobs keep."""

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        decimals = {field.name for field in self.model._meta.concrete_fields if isinstance(field, DecimalField)}

        def column(name: Any) -> Any:
            if name in _LONG:
                return _ends(self.model, name)
            return _grouped(self.model, name) if name in decimals else name

        # The first column is a link already.
        first, *others = super().get_list_display(request)
        shown = [column(name) for name in others]
        return [_ends(self.model, first) if first in _LONG - {"client"} else first, *shown]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReasonForm(ActionForm):
    """The list's action, and why."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget({"placeholder": gettext_lazy("Reason"), "x-show": "action"}),
    )


def reason_of(request: HttpRequest) -> str:
    """What the operator wrote beside a list's action."""
    return str(request.POST.get("reason", "")).strip()


def carry_out(request: HttpRequest, rows: Iterable[Any], action: Callable[[Any], Any]) -> None:
    """Does a list's action for each row by itself; says what was done and what was refused."""
    done = 0
    for row in rows:
        try:
            action(row)
            done += 1
        except Invalid as problem:
            sentences = "; ".join(str(sentence) for found in problem.errors.values() for sentence in found)
            messages.error(request, f"{row}: {sentences}")
        except Problem as problem:
            messages.error(request, f"{row}: {problem.message}")
    if done:
        messages.success(request, _("Done: %(count)d") % {"count": done})


class ReasonPageForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget({"autofocus": True})
    )


def reason_page(
    model_admin: ModelAdmin,
    request: HttpRequest,
    object_id: int,
    title: Any,
    text: Any,
    run: Callable[[str], Any],
) -> HttpResponse:
    """The page of one row's action: what it does, the question why; then the row again with what came of it."""
    row = model_admin.get_object(request, str(object_id))
    if row is None:
        raise Http404
    form = ReasonPageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        carry_out(request, [row], lambda _row: run(form.cleaned_data["reason"]))
        opts = model_admin.model._meta
        return HttpResponseRedirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[object_id]))
    context = {**model_admin.admin_site.each_context(request), "opts": model_admin.model._meta, "original": row}
    return render(request, "admin/reason.html", {**context, "title": title, "text": text, "form": form})
