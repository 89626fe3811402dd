"""Bases of the back office's pages."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from common.errors import Invalid, Problem


class ReadOnlyAdmin(ModelAdmin):
    """Rows that nobody writes by hand: money, and what the engine and the jobs keep."""

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
