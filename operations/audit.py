"""What operators did: one row for every action, written in the action's own transaction."""

from typing import Any

from django.contrib.auth.models import User

from operations.models import AuditEntry

Plain = dict[str, Any]


def record(
    *,
    operator: User,
    action: str,
    object_type: str,
    object_id: object,
    reason: str = "",
    before: Plain | None = None,
    after: Plain | None = None,
) -> AuditEntry:
    """Writes down what an operator does.

    `action` is a stable word (`withdrawal.approve`), `object_type` and `object_id` name what it was done to, `before`
    and `after` are JSON of what changed, amounts as text. Belongs into the transaction of what it tells of.
    """
    return AuditEntry.objects.create(
        operator_id=operator.pk,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        reason=reason,
        before=before,
        after=after,
    )
