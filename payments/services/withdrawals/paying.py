"""Pays what is approved: signed, stored, committed, and only then broadcast.

The wallet's row gives out nonces, in the transaction that stores the signed one. So whatever dies, and whenever: a
payout that is stored is broadcast again, the same bytes, and one that is not stored was never sent.
"""

import structlog
from django.conf import settings
from django.db import transaction

from chain import hotwallet
from chain.hotwallet import HotWalletError
from chain.node import Fees, Node, NodeError, node
from common import sql
from common.errors import Refused
from common.sockets import publish
from operations import halts
from operations.alerts import alert
from payments import queries, rules
from payments.channels import PAYMENTS
from payments.models import Payout, PayoutWallet, Withdrawal
from payments.services.withdrawals.wallet import Holdings, lock_wallet, look, note, shortage

log = structlog.get_logger(__name__)

Status = Withdrawal.Status

AT_ONCE = 50


def pay() -> int:
    """Signs and sends approved withdrawals, oldest first, until the wallet is low or none is left; their number.

    May run in several workers at once. What a node or a crash leaves unsent is sent again by `track`.
    """
    paid = 0
    try:
        if not Withdrawal.objects.filter(status=Status.APPROVED).exists():
            return 0
        halts.refuse_halted(halts.Kind.WITHDRAW)
        hotwallet.check()
        chain = node()
        for _turn in range(AT_ONCE):
            payout = sign_next(look(chain))
            if payout is None:
                break
            broadcast(chain, payout)
            paid += 1
    except Refused:
        return paid
    except HotWalletError as error:
        log.error("hot_wallet_key", error=str(error))
        alert("hot_wallet:key", "Payouts wait: the hot wallet's key cannot be used", str(error))
    except NodeError as error:
        log.warning("chain_unavailable", during="pay", error=str(error))
    return paid


@transaction.atomic
def sign_next(holdings: Holdings) -> Payout | None:
    """Signs the oldest approved withdrawal and stores the transaction, uncommitted to anybody yet; None where nothing
    waits or the wallet is low."""
    wallet = lock_wallet()
    withdrawal = (
        Withdrawal.objects.select_for_update(skip_locked=True)
        .filter(status=Status.APPROVED)
        # A ban takes back what no operator has approved.
        .exclude(automatic=True, client_id__in=queries.banned_clients())
        .order_by("approved_at", "id")
        .first()
    )
    if withdrawal is None:
        return None
    max_fee, tip = rules.bid(holdings.fees.base, holdings.fees.tip, settings.PAYOUT_HIGHEST_FEE)
    held_up = shortage(wallet, holdings, withdrawal.amount - withdrawal.fee, max_fee)
    # Whatever else the key has sent has used up nonces too.
    nonce = max(wallet.next_nonce, holdings.nonce)
    if not held_up:
        wallet.next_nonce = nonce + 1
    note(wallet, holdings, held_up)
    if held_up:
        return None
    withdrawal.status, withdrawal.nonce = Status.SENT, nonce
    withdrawal.save()
    if withdrawal.client_id is not None:
        publish.after_commit([withdrawal.client_id], [PAYMENTS])
    return store(wallet, withdrawal, 1, max_fee, tip)


def store(wallet: PayoutWallet, withdrawal: Withdrawal, attempt: int, max_fee: int, tip: int) -> Payout:
    """Signs the withdrawal's transaction at these fees (wei) and stores it. `wallet` and `withdrawal` are locked."""
    assert withdrawal.nonce is not None
    signed = hotwallet.sign_transfer(
        to=withdrawal.address,
        amount=withdrawal.amount - withdrawal.fee,
        nonce=withdrawal.nonce,
        max_fee=max_fee,
        tip=tip,
    )
    return Payout.objects.create(
        withdrawal=withdrawal,
        wallet=wallet,
        nonce=withdrawal.nonce,
        attempt=attempt,
        tx_hash=signed.tx_hash,
        raw=signed.raw,
        max_fee=max_fee,
        tip=tip,
        created_at=sql.database_time(),
        error="",
    )


def broadcast(chain: Node, payout: Payout) -> None:
    """Hands a stored transaction to the node. Whatever it says, only a receipt counts."""
    error = ""
    try:
        chain.broadcast(payout.raw)
    except NodeError as refusal:
        error = str(refusal)[:200]
        log.info("payout_not_taken", transaction=payout.tx_hash, error=error)
    Payout.objects.filter(id=payout.id).update(broadcast_at=sql.database_time(), error=error)


def bid_now(fees: Fees, last: Payout) -> tuple[int, int]:
    """(highest fee, tip) of a replacement for `last`, in wei."""
    return rules.higher_bid(
        fees.base, fees.tip, int(last.max_fee), int(last.tip), settings.PAYOUT_FEE_BUMP, settings.PAYOUT_HIGHEST_FEE
    )
