"""The four groups of operators and what each may do.

They are made anew after every migration, exactly as they stand here; wishes of an installation belong into groups of
its own. Nobody but a superuser manages operators.
"""

from collections.abc import Collection
from typing import Any

from django.apps import apps

EXPORT = "backoffice.export_rows"

# What is nobody's daily business, or says too much about other operators.
_NOT_FOR_ALL = {"operations.auditentry", "operations.keptanswer", "accounts.nonce", "accounts.revokedtoken"}
# Rooms outside the project whose lists operators see.
_FOREIGN = {f"django_celery_beat.{name}" for name in ("periodictask", "intervalschedule", "crontabschedule")}

# `app.codename`, besides looking at things.
RIGHTS: dict[str, tuple[str, ...]] = {
    "operations": (
        *("accounts.ban_client", EXPORT),
        *("popups.add_popup", "popups.change_popup", "popups.delete_popup"),
        *("operations.add_halt", "operations.change_halt", "payments.resolve_chaintransfer"),
        *("contracts.change_order", "contracts.change_position", "operations.change_jobrun"),
        *("django_celery_beat.change_periodictask",),
        *("django_celery_beat.add_intervalschedule", "django_celery_beat.add_crontabschedule"),
    ),
    "risk": (
        "constance.change_config",
        *("accounts.ban_client", EXPORT),
        *("indexes.add_index", "indexes.change_index"),
        *("indexes.add_basket", "indexes.change_basket", "indexes.delete_basket"),
        *("indexes.add_constituent", "indexes.change_constituent", "indexes.delete_constituent"),
        *("operations.add_halt", "operations.change_halt", "payments.approve_withdrawal"),
        *("backoffice.close_positions", "contracts.change_order", "contracts.change_position"),
    ),
    "finance": (
        *(EXPORT, "operations.change_jobrun"),
        *("payments.approve_withdrawal", "payments.correct", "payments.resolve_chaintransfer"),
        *("funds.add_product", "funds.change_product", "funds.add_reservetopup"),
        *("funds.add_period", "funds.change_period", "funds.delete_period"),
    ),
    "auditor": (EXPORT,),
}


def own_models() -> list[Any]:
    """The models of the project's rooms."""
    return [
        model
        for config in apps.get_app_configs()
        if not config.name.startswith("django") and not config.name.startswith("unfold")
        for model in config.get_models()
    ]


def wanted(group: str) -> set[str]:
    """All permissions of a group, as `app.codename`."""
    rooms = {config.label for config in apps.get_app_configs()}
    found = {right for right in RIGHTS[group] if right.split(".")[0] in rooms}
    for model in own_models():
        if group == "auditor" or model._meta.label_lower not in _NOT_FOR_ALL:
            found.add(f"{model._meta.app_label}.view_{model._meta.model_name}")
    found |= {f"{label.split('.')[0]}.view_{label.split('.')[1]}" for label in _FOREIGN}
    if group == "auditor":
        found |= {"auth.view_user", "auth.view_group", "otp_totp.view_totpdevice"}
    return found


def after_migrate(using: str, **_: Any) -> None:
    establish(using)


def establish(using: str, groups: Collection[str] = tuple(RIGHTS)) -> None:
    """Makes the groups, each with exactly its permissions. Before the last migration some may still be missing."""
    group_model, permission_model = apps.get_model("auth.Group"), apps.get_model("auth.Permission")
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permission_model.objects.using(using).select_related("content_type")
    }
    for name in groups:
        group, _made = group_model.objects.using(using).get_or_create(name=name)
        group.permissions.set([known[codename] for codename in wanted(name) if codename in known])
