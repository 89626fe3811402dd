"""Popups: a form in the operator's words, and beside it what a phone will show."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from operations.audited import AuditedAdmin
from popups.models import Popup
from popups.rules import is_range
from popups.validators import LONGEST_NAME, LONGEST_VALUE, MOST_BUTTONS, validate_buttons

_NUMBERS = range(1, MOST_BUTTONS + 1)


class PopupForm(forms.ModelForm):
    """Each button is a name and an address; empty ones are left out."""

    platforms = forms.MultipleChoiceField(
        label=_("platforms"),
        choices=Popup.Platform.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: all of them."),
    )

    class Meta:
        model = Popup
        fields = (
            *("kind", "title", "content", "is_cancel", "platforms", "version_from", "version_to", "also_unknown"),
            *("client", "starts_at", "ends_at", "enabled"),
        )
        widgets = {"content": UnfoldAdminTextareaWidget({"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None and "starts_at" in self.fields:
            self.fields["starts_at"].initial = timezone.now
        for number, button in enumerate(self.instance.buttons or [], 1):
            for part in ("name", "value"):
                if f"button_{number}_{part}" in self.fields:
                    self.fields[f"button_{number}_{part}"].initial = button[part]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        buttons = []
        for number in _NUMBERS:
            name, value = (str(cleaned.get(f"button_{number}_{part}") or "").strip() for part in ("name", "value"))
            if name or value:
                button = {"name": name, "type": "url", "value": value}
                try:
                    validate_buttons([button])
                except ValidationError as error:
                    self.add_error(f"button_{number}_value" if name else f"button_{number}_name", error)
                buttons.append(button)
        self.instance.buttons = buttons
        if not is_range(cleaned.get("version_from", ""), cleaned.get("version_to", "")):
            self.add_error("version_to", _("The last version is before the first: nobody would see it."))
        return cleaned


for _number in _NUMBERS:
    PopupForm.base_fields[f"button_{_number}_name"] = PopupForm.declared_fields[f"button_{_number}_name"] = (
        forms.CharField(
            label=format_lazy("{} {}", _("button"), _number),
            required=False,
            max_length=LONGEST_NAME,
            widget=UnfoldAdminTextInputWidget,
        )
    )
    PopupForm.base_fields[f"button_{_number}_value"] = PopupForm.declared_fields[f"button_{_number}_value"] = (
        forms.CharField(
            label=_("leads to"),
            required=False,
            max_length=LONGEST_VALUE,
            widget=UnfoldAdminTextInputWidget({"placeholder": "https://"}),
        )
    )


@admin.register(Popup)
class PopupAdmin(AuditedAdmin):
    form = PopupForm
    list_display = ("title", "kind", "is_cancel", "client", "starts_at", "ends_at", "enabled")
    list_filter = ("kind", "enabled", "is_cancel")
    search_fields = ("title", "content", "client__address__iexact")
    list_select_related = ("client",)
    autocomplete_fields = ("client",)
    ordering = ("-id",)
    change_form_outer_before_template = "admin/popups/preview.html"
    fieldsets = (
        (_("What is shown"), {"fields": ("kind", "title", "content", "is_cancel")}),
        (_("Buttons"), {"fields": tuple((f"button_{n}_name", f"button_{n}_value") for n in _NUMBERS)}),
        (_("To whom"), {"fields": ("client", "platforms", ("version_from", "version_to"), "also_unknown")}),
        (_("When"), {"fields": ("starts_at", "ends_at", "enabled")}),
    )
