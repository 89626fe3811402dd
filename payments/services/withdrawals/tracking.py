"""What becomes of payouts that were sent: mined and deep, reverted, or stuck."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction

from chain.hotwallet import HotWalletError
from chain.node import Fees, Node, NodeError, Receipt, node
from common import sql
from operations.alerts import alert
from payments.models import Payout, Withdrawal
from payments.services.withdrawals import ending
from payments.services.withdrawals.paying import bid_now, broadcast, store
from payments.services.withdrawals.wallet import lock_wallet

log = structlog.get_logger(__name__)

Status = Withdrawal.Status

# A transaction that is not mined is sent again, the same bytes, so often: nodes forget.
SENT_AGAIN_AFTER = timedelta(seconds=10)
# Operators are told of a payout that was replaced so often.
ALARMING_ATTEMPTS = 4


def track() -> int:
    """Ends withdrawals whose payout is `settings.CHAIN_CONFIRMATIONS` deep; sends again what is not mined, and replaces
    what is stuck. The number ended."""
    ended = 0
    sent = list(Withdrawal.objects.filter(status=Status.SENT).order_by("nonce").values_list("id", flat=True))
    if not sent:
        return 0
    try:
        chain = node()
        # Asked for before anything else: a payout below it has been mined, or never will be.
        next_nonce = chain.transactions_of(settings.CHAIN_HOT_WALLET_ADDRESS)
        deepest = chain.head().number - settings.CHAIN_CONFIRMATIONS
        for withdrawal_id in sent:
            try:
                ended += _follow(chain, withdrawal_id, next_nonce, deepest)
            except NodeError:
                raise
            except Exception:
                # One that fails stops no other.
                log.exception("payout_not_followed", withdrawal=withdrawal_id)
    except NodeError as error:
        log.warning("chain_unavailable", during="track", error=str(error))
    return ended


def _follow(chain: Node, withdrawal_id: int, next_nonce: int, deepest: int) -> bool:
    """Whether the withdrawal has ended."""
    payouts = list(Payout.objects.filter(withdrawal_id=withdrawal_id).order_by("attempt"))
    mined: tuple[Payout, Receipt] | None = None
    for payout in payouts:
        receipt = chain.receipt(payout.tx_hash)
        if receipt is not None:
            mined = payout, receipt
            break
    if mined is not None:
        payout, receipt = mined
        if receipt.block_number > deepest:
            return False
        # The node's receipts and blocks must agree, or it tells of a block that was replaced.
        block = chain.block(receipt.block_number)
        if block is None or block.hash != receipt.block_hash:
            return False
        return _end(withdrawal_id, payout.tx_hash, receipt.succeeded)
    last = payouts[-1]
    if last.nonce < next_nonce:
        _used_elsewhere(last)
        return False
    age = sql.database_time() - last.created_at
    # Only the first in line can be stuck by its own fee.
    if last.nonce == next_nonce and age > timedelta(seconds=settings.PAYOUT_STUCK_SECONDS):
        replacement = replace(withdrawal_id, last.attempt, chain.fees())
        if replacement is not None:
            broadcast(chain, replacement)
            return False
    if last.broadcast_at is None or sql.database_time() - last.broadcast_at > SENT_AGAIN_AFTER:
        broadcast(chain, last)
    return False


@transaction.atomic
def _end(withdrawal_id: int, tx_hash: str, succeeded: bool) -> bool:
    withdrawal = ending.locked(withdrawal_id)
    if withdrawal.status != Status.SENT:
        return False
    if succeeded:
        ending.confirm(withdrawal, tx_hash)
    else:
        ending.give_back(withdrawal, Status.FAILED, "transaction_failed", tx_hash)
        alert(
            f"withdrawal_failed:{withdrawal.no}",
            f"The payout of {withdrawal.no} was reverted",
            f"Transaction {tx_hash}. Its money is back where it came from.",
        )
    log.info("withdrawal_ended", no=withdrawal.no, status=withdrawal.status)
    return True


@transaction.atomic
def replace(withdrawal_id: int, attempt: int, fees: Fees) -> Payout | None:
    """Signs the same payout again, same nonce, at a higher fee, and stores it; None where somebody else did, or the
    highest fee is reached."""
    wallet = lock_wallet()
    withdrawal = Withdrawal.objects.select_for_update().get(id=withdrawal_id)
    last = Payout.objects.filter(withdrawal=withdrawal).order_by("-attempt")[0]
    if withdrawal.status != Status.SENT or last.attempt != attempt:
        return None
    if attempt >= ALARMING_ATTEMPTS or last.max_fee >= settings.PAYOUT_HIGHEST_FEE:
        alert(
            f"payout_stuck:{withdrawal.no}",
            f"The payout of {withdrawal.no} is stuck",
            f"{attempt} transactions with nonce {last.nonce} were signed, the last for {last.max_fee} wei a unit "
            "of gas; none is mined (docs/runbooks.md).",
        )
    if last.max_fee >= settings.PAYOUT_HIGHEST_FEE:
        return None
    max_fee, tip = bid_now(fees, last)
    try:
        return store(wallet, withdrawal, attempt + 1, max_fee, tip)
    except HotWalletError as error:
        log.error("hot_wallet_key", error=str(error))
        return None


def _used_elsewhere(payout: Payout) -> None:
    """The nonce is used up and none of our transactions has it: the node lags, or the key is used by somebody else."""
    age = sql.database_time() - payout.created_at
    if age > timedelta(seconds=settings.PAYOUT_STUCK_SECONDS):
        alert(
            f"payout_nonce:{payout.withdrawal_id}",
            f"Nonce {payout.nonce} of the hot wallet was used by another transaction",
            f"{payout.withdrawal.no} is not paid by any transaction that was signed for it (docs/runbooks.md).",
        )
