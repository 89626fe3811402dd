"""Bases of the back office's pages."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
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
