"""Payouts that have ended, and whether the chain still says so: blocks may be replaced deeper than was thought."""

from datetime import timedelta

import structlog

from chain.node import Node, NodeError, node
from common import sql
from operations.alerts import alert
from payments.models import Payout, Withdrawal
from payments.services.withdrawals.paying import broadcast

log = structlog.get_logger(__name__)

Status = Withdrawal.Status

WATCHED = timedelta(hours=1)


def watch() -> int:
    """Looks at the withdrawals that ended in the last hour; the number of those that the chain ends otherwise now.

    One that was confirmed and is not on the chain any more is broadcast again, the same bytes: its nonce pays once,
    and the books are right again when it is mined. Operators are told of each, and nothing is booked.
    """
    changed = 0
    ended = Withdrawal.objects.filter(
        status__in=[Status.CONFIRMED, Status.FAILED], finished_at__gte=sql.database_time() - WATCHED
    )
    try:
        chain = node()
        for withdrawal in ended.order_by("nonce"):
            changed += not _stands(chain, withdrawal)
    except NodeError as error:
        log.warning("chain_unavailable", during="watch", error=str(error))
    return changed


def _stands(chain: Node, withdrawal: Withdrawal) -> bool:
    paid = withdrawal.status == Status.CONFIRMED
    payouts = list(Payout.objects.filter(withdrawal=withdrawal).order_by("attempt"))
    receipts = [receipt for payout in payouts if (receipt := chain.receipt(payout.tx_hash)) is not None]
    if any(receipt.succeeded == paid for receipt in receipts):
        return True
    if paid and not receipts:
        broadcast(chain, next(payout for payout in payouts if payout.tx_hash == withdrawal.tx_hash))
    now = "no block has it" if not receipts else "it was reverted" if paid else "it went through"
    alert(
        f"payout_reorganised:{withdrawal.no}",
        f"The block of {withdrawal.no}'s payout was replaced",
        f"Transaction {withdrawal.tx_hash} had ended as {withdrawal.status}; now {now} (docs/runbooks.md).",
    )
    log.error("payout_reorganised", no=withdrawal.no, status=withdrawal.status, mined=bool(receipts))
    return False
