"""What the audit keeps as codes and JSON, in the reader's language."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from operations import approvals, runs
from operations.models import AuditEntry

# The last word of an action.
_VERBS = {
    "add": pgettext_lazy("audit", "added"),
    "approve": pgettext_lazy("audit", "approved"),
    "ban": pgettext_lazy("audit", "banned"),
    "change": pgettext_lazy("audit", "changed"),
    "close": pgettext_lazy("audit", "closed"),
    "confirm": pgettext_lazy("audit", "confirmed"),
    "delete": pgettext_lazy("audit", "deleted"),
    "export": pgettext_lazy("audit", "exported"),
    "lift": pgettext_lazy("audit", "lifted"),
    "propose": pgettext_lazy("audit", "proposed"),
    "reject": pgettext_lazy("audit", "rejected"),
    "retry": pgettext_lazy("audit", "tried again"),
    "run_again": pgettext_lazy("audit", "run again"),
}
# What is written down besides a row's own fields.
_NAMES = {
    "allow_single_venue": _("one venue is enough"),
    "constituents": _("constituents"),
    "filters": _("filters"),
    "ids": _("objects"),
    "job": _("job"),
    "order": _("order"),
    "periods": _("periods"),
    "rows": _("rows"),
    "symbol": _("symbol"),
    "tried_again": _("tried again"),
    "venues": _("venues"),
    "volume": _("volume"),
    "weight": _("weight"),
}
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of what an operator did: before and after, as text; `-` where there was or is nothing."""

    name: str
    before: str
    after: str


@cache
def _titles() -> dict[str, Any]:
    """What the back office calls each table, by the table's name alone and with its room's."""
    found: dict[str, Any] = {"configuration": _("Configuration")}
    found |= {model._meta.model_name or "": model._meta.verbose_name for model in admin.site._registry}
    return found | {model._meta.label: model._meta.verbose_name for model in apps.get_models()}


def title(table: str) -> str:
    """`payments.Withdrawal` or `withdrawal` in words; what is no table stays as it is."""
    # Some rooms outside the project do not translate their names.
    return gettext(str(_titles().get(table, table)))


def action_in_words(action: str) -> str:
    """`withdrawal.approve` and its like; a word that is not known stays as it is."""
    subject, _dot, verb = action.rpartition(".")
    said = str(_VERBS.get(verb, verb))
    if not subject:
        return said
    kind = approvals.label(subject)
    return f"{title(subject) if kind == subject else kind}: {said}"


def changes(entry: AuditEntry) -> list[Change]:
    """The entry's fields as the pages name them, choices by their labels; of a proposal what it proposes."""
    before, after = entry.before or {}, entry.after or {}
    if "approval" in after:
        kind = entry.action.rpartition(".")[0]
        proposal = {name: value for name, value in after.items() if name != "approval"}
        said = approvals.in_words(kind, proposal)
        found = [Change(str(_("approval")), _NOTHING, f"#{after['approval']}")]
        return [*found, Change(str(_("proposal")), _NOTHING, said)] if said else found
    return [
        Change(label, *(_said(side.get(name), choices) for side in (before, after)))
        for name in [*before, *(name for name in after if name not in before)]
        for label, choices in [_field(entry.object_type, name)]
    ]


def _field(table: str, name: str) -> tuple[str, dict[Any, Any]]:
    """The field's name and its choices' labels; what is no field keeps its name."""
    if name in settings.CONSTANCE_CONFIG:
        return str(settings.CONSTANCE_CONFIG[name][1]), {}
    if name in _NAMES:
        return str(_NAMES[name]), {job: runs.label(job) for job in runs.names()} if name == "job" else {}
    try:
        field: Any = apps.get_model(table)._meta.get_field(name)
        return gettext(str(field.verbose_name)), dict(getattr(field, "base_field", field).flatchoices)
    except (LookupError, ValueError, FieldDoesNotExist, AttributeError):
        return name, {}


def _said(value: Any, choices: dict[Any, Any]) -> str:
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, list):
        between = "; " if value and isinstance(value[0], dict) else ", "
        return between.join(_said(item, choices) for item in value) or _NOTHING
    if isinstance(value, dict):
        return " · ".join(f"{_NAMES.get(name, name)} {_said(item, {})}" for name, item in value.items()) or _NOTHING
    return str(choices.get(value, value))
