"""Who lets a withdrawal go: the rule for small ones, an operator, two of them for large ones."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from common.money import format_money
from common.sockets import publish
from operations import approvals, audit, halts
from operations.models import Approval
from payments import queries
from payments.channels import PAYMENTS
from payments.models import Withdrawal
from payments.services.withdrawals import ending
from payments.services.withdrawals.wallet import lock_wallet

Status = Withdrawal.Status

KIND = "withdrawal"
PERMISSION = "payments.approve_withdrawal"
_TYPE = "payments.Withdrawal"


def approve_automatically() -> int:
    """Approves what fits the day's limits of its client and of the platform, oldest first; the number approved. Whoever
    is banned waits for an operator.

    The hot wallet's row is held, so that two runs at once do not spend a limit twice.
    """
    if not settings.WITHDRAWAL_AUTOMATIC_CLIENT or not Withdrawal.objects.filter(status=Status.REVIEW).exists():
        return 0
    approved = 0
    with transaction.atomic():
        try:
            halts.refuse_halted(halts.Kind.WITHDRAW)
        except Refused:
            return 0
        lock_wallet()
        left = settings.WITHDRAWAL_AUTOMATIC_PLATFORM - queries.approved_automatically_today()
        waiting = Withdrawal.objects.select_for_update(skip_locked=True).filter(
            status=Status.REVIEW, needs_two=False, amount__lte=settings.WITHDRAWAL_AUTOMATIC_CLIENT
        )
        waiting = waiting.exclude(client_id__in=queries.banned_clients())
        spent: dict[int | None, Decimal] = {}
        for withdrawal in waiting.order_by("id"):
            client = withdrawal.client_id
            if client not in spent:
                spent[client] = queries.approved_automatically_today(client)
            if withdrawal.amount > min(left, settings.WITHDRAWAL_AUTOMATIC_CLIENT - spent[client]):
                continue
            left -= withdrawal.amount
            spent[client] += withdrawal.amount
            withdrawal.automatic = True
            _approved(withdrawal, sql.database_time())
            approved += 1
    return approved


def approve(*, withdrawal_id: int, operator: User, reason: str) -> None:
    """An operator approves; above the threshold that is a proposal, and another one must approve it
    (`operations.approvals`).

    Raises Refused: `not_permitted`, `reason_missing`, `not_in_review`, `proposed_already`.
    """
    _check(operator, reason)
    with transaction.atomic():
        withdrawal = ending.locked(withdrawal_id)
        if withdrawal.status != Status.REVIEW:
            raise Refused(_("This withdrawal is not in review."), "not_in_review")
        if withdrawal.needs_two:
            approvals.propose(
                kind=KIND,
                object_type=_TYPE,
                object_id=withdrawal.no,
                proposal={"amount": format_money(withdrawal.amount), "address": withdrawal.address},
                reason=reason,
                operator=operator,
            )
            return
        withdrawal.approved_by = operator
        _approved(withdrawal, sql.database_time())
        _record(withdrawal, "approve", operator, reason, Status.REVIEW)


def carry_out(approval: Approval) -> None:
    """A second operator approved: the withdrawal goes. Raises Refused `not_in_review`."""
    withdrawal = ending.locked(Withdrawal.objects.get(no=approval.object_id).id)
    if withdrawal.status != Status.REVIEW:
        raise Refused(_("This withdrawal is not in review."), "not_in_review")
    withdrawal.approved_by, withdrawal.second_approved_by = approval.proposed_by, approval.decided_by
    _approved(withdrawal, sql.database_time())


def reject(*, withdrawal_id: int, operator: User, reason: str) -> None:
    """Turns a withdrawal down that is in review, or approved and not signed yet; the hold returns.

    Raises Refused: `not_permitted`, `reason_missing`, `not_in_review`.
    """
    _check(operator, reason)
    with transaction.atomic():
        seen = Withdrawal.objects.get(id=withdrawal_id)
        approvals.withdraw_pending(kind=KIND, object_type=_TYPE, object_id=seen.no, operator=operator, reason=reason)
        withdrawal = ending.locked(withdrawal_id)
        before = withdrawal.status
        if before not in (Status.REVIEW, Status.APPROVED):
            raise Refused(_("This withdrawal has been sent, or is over."), "not_in_review")
        ending.give_back(withdrawal, Status.REJECTED, reason[:200])
        _record(withdrawal, "reject", operator, reason, before)


def _approved(withdrawal: Withdrawal, moment: datetime) -> None:
    withdrawal.status, withdrawal.approved_at = Status.APPROVED, moment
    withdrawal.save()
    if withdrawal.client_id is not None:
        publish.after_commit([withdrawal.client_id], [PAYMENTS])


def _check(operator: User, reason: str) -> None:
    if not operator.has_perm(PERMISSION):
        raise Refused(_("You are not permitted to do this."), "not_permitted")
    if not reason.strip():
        raise Refused(_("A reason is required."), "reason_missing")


def _record(withdrawal: Withdrawal, verb: str, operator: User, reason: str, before: str) -> None:
    audit.record(
        operator=operator,
        action=f"withdrawal.{verb}",
        object_type=_TYPE,
        object_id=withdrawal.no,
        reason=reason,
        before={"status": str(before)},
        after={"status": str(withdrawal.status), "amount": format_money(withdrawal.amount)},
    )
