"""Claims that no booked payment answered: what became of the transaction that the client named."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from chain.node import Node
from common import sql
from common.sockets import publish
from payments import rules
from payments.channels import PAYMENTS
from payments.models import ChainTransfer, PaymentOrder, ScanCursor

Status = PaymentOrder.Status

GIVEN_UP_AFTER = timedelta(minutes=30)
# Anybody can claim transactions that do not exist: so many are looked for in a sweep, in turn.
CHECKED_AT_ONCE = 20

_UNDECIDED = [ChainTransfer.Status.SEEN, ChainTransfer.Status.ORPHANED]


def judge_claims(chain: Node, deepest: int) -> None:
    """Ends orders whose claimed transaction did not pay them: mined in block `deepest` or below, or never seen."""
    open_claims = PaymentOrder.objects.filter(status=Status.CONFIRMING).select_related("client")
    for order in open_claims.order_by("checked_at")[:CHECKED_AT_ONCE]:
        reason = _verdict(chain, deepest, order)
        with transaction.atomic():
            held = PaymentOrder.objects.select_for_update().filter(
                id=order.id, status=Status.CONFIRMING, tx_hash=order.tx_hash
            )
            for found in held:
                found.checked_at = sql.database_time()
                if reason:
                    found.status, found.reason, found.finished_at = Status.FAILED, reason, found.checked_at
                    publish.after_commit([found.client_id], [PAYMENTS])
                found.save(update_fields=["status", "reason", "finished_at", "checked_at"])


def _verdict(chain: Node, deepest: int, order: PaymentOrder) -> str | None:
    """Why the order has failed; None while that cannot be said."""
    assert order.tx_hash is not None
    assert order.claimed_at is not None
    cursor = ScanCursor.objects.filter(chain_id=settings.CHAIN_ID).first()
    receipt = chain.receipt(order.tx_hash)
    if receipt is None:
        late = sql.database_time() - order.claimed_at > GIVEN_UP_AFTER
        return "transaction_not_found" if late else None
    if cursor is None or receipt.block_number > min(deepest, cursor.block_number):
        return None
    transfers = list(ChainTransfer.objects.filter(chain_id=settings.CHAIN_ID, tx_hash=order.tx_hash))
    own = [transfer for transfer in transfers if transfer.sender == order.client.address]
    if any(transfer.status in _UNDECIDED for transfer in own):
        return None
    return rules.refuse_claim(
        amount=order.amount,
        expires_at=order.expires_at,
        own=[(transfer.amount, transfer.block_time) for transfer in own],
        others=len(transfers) > len(own),
        succeeded=receipt.succeeded,
    )
