"""The page of the values that operators may change, each with its description and bounds."""

from decimal import Decimal
from typing import Any, cast

from constance.forms import ConstanceForm
from constance.utils import get_values
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from operations import audit

PERMISSION = "constance.change_config"
MOST_SHARED = Decimal("0.8")
LABELS = {
    "FEE_POOL_SHARE": gettext_lazy("Fee share of the market pool"),
    "FEE_INCENTIVE_SHARE": gettext_lazy("Fee share of the incentive pool"),
    "MINIMUM_PAYMENT": gettext_lazy("Least deposit"),
    "PAYMENT_ORDER_MINUTES": gettext_lazy("Minutes to pay an order"),
}


class ConfigurationForm(ConstanceForm):
    """constance's form with names, descriptions, and what the values must be together."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (_default, description, _kind) in settings.CONSTANCE_CONFIG.items():
            self.fields[name].label = LABELS[name]
            self.fields[name].help_text = description

    def clean(self) -> dict[str, Any]:
        cleaned = cast(dict[str, Any], super().clean())
        shares = [cleaned.get(name) for name in ("FEE_POOL_SHARE", "FEE_INCENTIVE_SHARE")]
        if None not in shares and sum(cast(list[Decimal], shares)) > MOST_SHARED:
            raise ValidationError(_("Both shares together are at most 0.8."))
        return cleaned


def page(request: HttpRequest) -> HttpResponse:
    """Shows the values; saves those that changed, with an audit row."""
    may_see, may_change = request.user.has_perm("backoffice.view_sample"), request.user.has_perm(PERMISSION)
    if not may_see or (request.method == "POST" and not may_change):
        raise PermissionDenied
    before = get_values()
    form = ConfigurationForm(data=request.POST or None, initial=before, request=request)
    if request.method == "POST" and form.is_valid():
        changed = [name for name in LABELS if form.cleaned_data[name] != before[name]]
        with transaction.atomic():
            form.save()
            if changed:
                audit.record(
                    operator=cast(User, request.user),
                    action="configuration.change",
                    object_type="configuration",
                    object_id="",
                    before={name: str(before[name]) for name in changed},
                    after={name: str(form.cleaned_data[name]) for name in changed},
                )
        messages.success(request, _("Done: %(count)d") % {"count": len(changed)})
        return HttpResponseRedirect(reverse("admin:configuration"))
    fields = [form[name] for name in LABELS]
    context = {**admin.site.each_context(request), "title": _("Configuration"), "form": form, "fields": fields}
    return render(request, "admin/configuration.html", {**context, "may_change": may_change})
