"""What the back office itself has decided by two."""

from django.utils.translation import gettext_lazy as _

from accounts import bans
from operations import approvals
from operations.models import Approval


def _unban(approval: Approval) -> None:
    bans.unban(client_id=int(approval.object_id))


def register() -> None:
    approvals.register(
        bans.UNBAN, approvals.ApprovalKind(label=_("end a ban"), permission="accounts.ban_client", carry_out=_unban)
    )
