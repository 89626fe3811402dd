"""How a withdrawal ends: its money leaves the books, or comes back."""

from common import sql
from common.sockets import publish
from ledger import services as ledger
from ledger.accounts import PlatformAccount, available, withdrawal_hold
from ledger.channels import BALANCE
from ledger.services import Kind, Posting
from payments.channels import PAYMENTS
from payments.models import ChainTransfer, Withdrawal

Status = Withdrawal.Status
Resolution = ChainTransfer.Resolution


def locked(withdrawal_id: int) -> Withdrawal:
    """The withdrawal, locked after its client; for a refund the transfer it returns is locked first."""
    seen = Withdrawal.objects.get(id=withdrawal_id)
    if seen.client_id is not None:
        ledger.lock([available(seen.client_id)])
    if seen.refund_of_id is not None:
        ChainTransfer.objects.select_for_update().get(id=seen.refund_of_id)
    return Withdrawal.objects.select_for_update().get(id=withdrawal_id)


def confirm(withdrawal: Withdrawal, tx_hash: str) -> None:
    """The payout is deep on chain: the net amount leaves custody, the fee is earned. `withdrawal` is locked."""
    reference = f"withdrawal:{withdrawal.no}"
    net = withdrawal.amount - withdrawal.fee
    if withdrawal.client_id is None:
        ledger.post([Posting(PlatformAccount.UNMATCHED, PlatformAccount.CUSTODY, net, Kind.REFUND, reference)])
        ChainTransfer.objects.filter(withdrawal=withdrawal).update(resolution=Resolution.REFUNDED)
    else:
        held = withdrawal_hold(withdrawal.client_id)
        ledger.post(
            [
                Posting(held, PlatformAccount.CUSTODY, net, Kind.WITHDRAWAL, reference),
                Posting(held, PlatformAccount.FEE_REVENUE, withdrawal.fee, Kind.WITHDRAWAL_FEE, reference),
            ]
        )
    withdrawal.tx_hash = tx_hash
    _end(withdrawal, Status.CONFIRMED, "")


def give_back(withdrawal: Withdrawal, status: Withdrawal.Status, reason: str, tx_hash: str | None = None) -> None:
    """Rejected or failed: the hold returns; a refund waits for operators again. `withdrawal` is locked."""
    if withdrawal.client_id is None:
        ChainTransfer.objects.filter(withdrawal=withdrawal).update(resolution="")
    else:
        client = withdrawal.client_id
        back = Posting(
            withdrawal_hold(client),
            available(client),
            withdrawal.amount,
            Kind.WITHDRAWAL_RETURN,
            f"withdrawal:{withdrawal.no}",
        )
        ledger.post([back])
    withdrawal.tx_hash = tx_hash
    _end(withdrawal, status, reason)


def _end(withdrawal: Withdrawal, status: Withdrawal.Status, reason: str) -> None:
    withdrawal.status, withdrawal.reason = status, reason
    withdrawal.finished_at = sql.database_time()
    withdrawal.save()
    if withdrawal.client_id is not None:
        publish.after_commit([withdrawal.client_id], [PAYMENTS, BALANCE])
