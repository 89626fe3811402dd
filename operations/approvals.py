"""Four eyes: what one operator proposes, another approves, and only then it is done.

Rooms sign up in their `apps.py` for the kinds that they carry out. The database refuses that anybody approves what it
proposed, whoever writes and by whatever statement (operations/migrations/approvals.sql).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from operations import audit
from operations.models import Approval

Status = Approval.Status

# The user in whose name the platform proposes. It can never sign in.
PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """`permission` (`app.codename`) is what both operators need. `carry_out` does what was proposed, in the approval's
    transaction; a common.errors.Refused that it raises leaves the proposal pending."""

    label: Any
    permission: str
    carry_out: Callable[[Approval], None]
    # The proposal in the reader's language, where naming its fields does not say it.
    describe: Callable[[dict[str, Any]], str] | None = None


_kinds: dict[str, ApprovalKind] = {}


def register(kind: str, what: ApprovalKind) -> None:
    """Signs up for a kind of proposals."""
    _kinds[kind] = what


def label(kind: str) -> str:
    """The kind in words."""
    return str(_kinds[kind].label) if kind in _kinds else kind


# What the rooms write into proposals.
_PROPOSED = {
    "amount": _("amount"),
    "address": _("address"),
    "client": _("client"),
    "transfer": _("incoming transfer"),
}


def may_decide(operator: User) -> bool:
    """Whether there is a kind that the operator may propose and approve."""
    return any(operator.has_perm(kind.permission) for kind in _kinds.values())


def in_words(kind: str, proposal: dict[str, Any]) -> str:
    """What is proposed, in the reader's language."""
    known = _kinds.get(kind)
    if known is not None and known.describe is not None:
        return known.describe(proposal)
    return " · ".join(f"{_PROPOSED[name]} {value}" for name, value in proposal.items() if name in _PROPOSED)


def propose(
    *, kind: str, object_type: str, object_id: object, proposal: dict[str, Any], reason: str, operator: User
) -> Approval:
    """Proposes something for an object; amounts in `proposal` are text.

    Raises Refused: `not_permitted`, `reason_missing`, or `proposed_already` where the same waits for this object.
    """
    _check(kind, operator, reason)
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                kind=kind,
                object_type=object_type,
                object_id=str(object_id),
                proposal=proposal,
                reason=reason,
                status=Status.PENDING,
                proposed_by=operator,
            )
    except IntegrityError as error:
        raise Refused(_("This has been proposed already."), "proposed_already") from error
    _record(approval, "propose", operator, reason, proposal)
    return approval


def propose_by_platform(
    *, kind: str, object_type: str, object_id: object, proposal: dict[str, Any], reason: str
) -> Approval | None:
    """Proposes what the platform itself has noticed; an operator decides. None where the same waits already."""
    platform, _made = User.objects.get_or_create(username=PLATFORM, defaults={"is_active": False, "password": "!"})
    same = {"kind": kind, "object_type": object_type, "object_id": str(object_id), "status": Status.PENDING}
    if Approval.objects.filter(**same).exists():
        return None
    approval = Approval.objects.create(**same, proposal=proposal, reason=reason, proposed_by=platform)
    _record(approval, "propose", platform, reason, proposal)
    return approval


@transaction.atomic
def approve(*, approval_id: int, operator: User, reason: str = "") -> Approval:
    """Approves what another operator proposed, and carries it out.

    Raises Refused: `not_permitted`, `own_proposal`, `decided_already`, or whatever carrying out refuses.
    """
    approval = _pending(approval_id)
    _check(approval.kind, operator, "-")
    if approval.proposed_by_id == operator.pk:
        raise Refused(_("Another operator than the one who proposed it must approve."), "own_proposal")
    _decide(approval, Status.APPROVED, operator, reason)
    _kinds[approval.kind].carry_out(approval)
    _record(approval, "approve", operator, reason, approval.proposal)
    return approval


@transaction.atomic
def reject(*, approval_id: int, operator: User, reason: str) -> Approval:
    """Turns a proposal down; whoever made it may do so too. Raises Refused as `approve`."""
    approval = _pending(approval_id)
    _check(approval.kind, operator, reason)
    _decide(approval, Status.REJECTED, operator, reason)
    _record(approval, "reject", operator, reason, approval.proposal)
    return approval


def withdraw_pending(*, kind: str, object_type: str, object_id: object, operator: User, reason: str) -> None:
    """Ends what is proposed for an object that was decided otherwise. Comes before any lock of the object."""
    waiting = Approval.objects.select_for_update().filter(
        kind=kind, object_type=object_type, object_id=str(object_id), status=Status.PENDING
    )
    for approval in waiting:
        _decide(approval, Status.REJECTED, operator, reason)
        _record(approval, "reject", operator, reason, approval.proposal)


def _pending(approval_id: int) -> Approval:
    """The proposal, locked. It is locked before what it is about, always."""
    approval = Approval.objects.select_for_update().get(id=approval_id)
    if approval.status != Status.PENDING:
        raise Refused(_("This has been decided already."), "decided_already")
    return approval


def _check(kind: str, operator: User, reason: str) -> None:
    if not operator.has_perm(_kinds[kind].permission):
        raise Refused(_("You are not permitted to do this."), "not_permitted")
    if not reason.strip():
        raise Refused(_("A reason is required."), "reason_missing")


def _decide(approval: Approval, status: Approval.Status, operator: User, reason: str) -> None:
    approval.status, approval.decided_by, approval.decided_at = status, operator, sql.database_time()
    approval.decision_reason = reason
    approval.save(update_fields=["status", "decided_by", "decided_at", "decision_reason"])


def _record(approval: Approval, verb: str, operator: User, reason: str, after: dict[str, Any]) -> None:
    audit.record(
        operator=operator,
        action=f"{approval.kind}.{verb}",
        object_type=approval.object_type,
        object_id=approval.object_id,
        reason=reason,
        after={"approval": approval.pk, **after},
    )
