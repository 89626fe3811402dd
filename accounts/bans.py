"""Bans: who may do nothing any more.

Authentication reads the ban with the client's row, so the next call already meets it. Rooms above sign up for what
else must happen at that moment (`on_ban`).
"""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Client
from common.errors import Refused
from common.sockets import publish
from ledger import accounts
from ledger.services import lock
from operations import approvals, audit
from operations.models import Approval

# Gets the client's id, in the transaction of the ban, once the client's `available` account is locked.
Handler = Callable[[int], None]

# The kind of the proposals to end a ban.
UNBAN = "client.unban"

_handlers: list[Handler] = []


def on_ban(handler: Handler) -> None:
    if handler not in _handlers:
        _handlers.append(handler)


@transaction.atomic
def ban(*, client_id: int, reason: str, operator: User) -> None:
    """Bans a client: its calls are answered by the ban's popup, its sockets are closed, and what rooms above signed up
    for happens in the same transaction. Positions stay.

    Raises Refused: `reason_missing`, or `banned` where it is banned already.
    """
    if not reason.strip():
        raise Refused(_("A reason is required."), "reason_missing")
    # Whoever places an order holds this lock, and looks for a ban under it.
    lock([accounts.available(client_id)])
    banned = Client.objects.filter(id=client_id, banned_at=None).update(
        banned_at=timezone.now(), banned_by=operator.get_username(), ban_reason=reason
    )
    if not banned:
        raise Refused(_("This client is banned already."), "banned")
    for handler in _handlers:
        handler(client_id)
    audit.record(
        operator=operator, action="client.ban", object_type="accounts.Client", object_id=client_id, reason=reason
    )
    transaction.on_commit(lambda: publish.client_banned(client_id))


def propose_unban(*, client_id: int, reason: str, operator: User) -> Approval:
    """Proposes the end of a ban; another operator must approve it.

    Raises Refused `not_banned`, or what approvals.propose refuses.
    """
    client = Client.objects.get(id=client_id)
    if client.banned_at is None:
        raise Refused(_("This client is not banned."), "not_banned")
    return approvals.propose(
        kind=UNBAN,
        object_type="accounts.Client",
        object_id=client_id,
        proposal={"address": client.address},
        reason=reason,
        operator=operator,
    )


@transaction.atomic
def unban(*, client_id: int) -> None:
    """Ends a ban; its tokens are good again. Two operators decide on it, see the back office.

    Raises Refused `not_banned`.
    """
    lock([accounts.available(client_id)])
    if (
        not Client.objects.filter(id=client_id)
        .exclude(banned_at=None)
        .update(banned_at=None, banned_by="", ban_reason="")
    ):
        raise Refused(_("This client is not banned."), "not_banned")
