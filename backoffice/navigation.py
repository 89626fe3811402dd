"""The sidebar, in the order of an operator's day. What a room adds and nobody put in its place stands at the end."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_PLACES: list[tuple[Any, str, tuple[str, ...]]] = [
    (
        gettext_lazy("What waits"),
        "inbox",
        (
            *("operations.approval", "payments.withdrawal", "payments.chaintransfer", "payments.correction"),
            *("operations.jobrun", "operations.alert"),
        ),
    ),
    (gettext_lazy("Clients"), "group", ("accounts.client", "popups.popup")),
    (
        gettext_lazy("Products"),
        "finance_chip",
        ("indexes.index", "indexes.basket", "funds.product", "funds.reservetopup", "operations.halt"),
    ),
    (
        gettext_lazy("Trading"),
        "candlestick_chart",
        ("contracts.position", "contracts.order", "contracts.fill", "contracts.dayvolume"),
    ),
    (
        gettext_lazy("Money"),
        "account_balance",
        ("ledger.account", "ledger.transfer", "payments.paymentorder", "payments.payout"),
    ),
    (
        gettext_lazy("Market pool"),
        "savings",
        ("market_making.pool", "market_making.pledge", "market_making.settlement"),
    ),
    (
        gettext_lazy("Operation"),
        "settings",
        (
            *("operations.auditentry", "django_celery_beat.periodictask", "indexes.leadership"),
            *("auth.user", "auth.group", "otp_totp.totpdevice"),
        ),
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's navigation of this operator. Costs no query besides the rights that the page needs anyway."""
    left = {model._meta.label_lower: found for model, found in admin.site._registry.items()}
    groups = [
        {
            "items": [
                {
                    "title": _("Dashboard"),
                    "icon": "dashboard",
                    "link": reverse("admin:index"),
                    "active": request.path == reverse("admin:index"),
                }
            ]
        }
    ]
    for title, icon, labels in _PLACES:
        groups.append(_group(request, str(title), icon, [left.pop(label) for label in labels if label in left], False))
    if request.user.has_perm("backoffice.view_sample"):
        link = reverse("admin:configuration")
        item = {"title": _("Configuration"), "link": link, "icon": "tune", "active": request.path == link}
        groups[-1]["items"].append(item)
    groups.append(_group(request, _("More"), "more_horiz", list(left.values()), True))
    return [group for group in groups if group["items"]]


def _group(request: HttpRequest, title: str, icon: str, found: list[Any], collapsible: bool) -> dict[str, Any]:
    items = []
    for model_admin in found:
        if model_admin.has_view_permission(request):
            opts = model_admin.model._meta
            link = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
            active = request.path.startswith(link)
            # Some rooms outside the project do not translate their names.
            items.append({"title": _(str(opts.verbose_name_plural)), "link": link, "icon": icon, "active": active})
    return {"title": title, "items": items, "separator": True, "collapsible": collapsible}
