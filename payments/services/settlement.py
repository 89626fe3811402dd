"""Books what is deep enough on chain, each transfer in a transaction of its own, once."""

import structlog
from django.conf import settings
from django.db import transaction

from accounts.queries import client_by_address
from chain.node import Node, NodeError, node
from common import sql
from common.errors import Refused
from common.sockets import publish
from ledger import services as ledger
from ledger.accounts import PlatformAccount, available
from ledger.channels import BALANCE
from ledger.services import Kind, Posting
from operations.alerts import alert
from payments import handlers, queries, rules
from payments.channels import PAYMENTS
from payments.handlers import PURPOSES, ConfirmedPayment, Later
from payments.models import ChainTransfer, PaymentOrder, ScanCursor
from payments.services.claims import judge_claims
from payments.services.deposits import credit_index_account
from payments.services.sightings import give_up, match, notice, open_orders

log = structlog.get_logger(__name__)

OrderStatus = PaymentOrder.Status
Status = ChainTransfer.Status
Booked = ChainTransfer.Booked


def settle() -> int:
    """Matches the transfers that are new to orders, books those that are `settings.CHAIN_CONFIRMATIONS` deep, then
    judges the claims that none of them answered; the number booked. What cannot be done now is left to the next sweep.
    """
    notice()
    booked = 0
    try:
        chain = node()
        # As deep as the scanner has seen for itself: a node may say anything of its head.
        cursor = ScanCursor.objects.filter(chain_id=settings.CHAIN_ID).first()
        seen = min(chain.head().number, cursor.block_number if cursor else 0)
        deepest = seen - settings.CHAIN_CONFIRMATIONS
        waiting = ChainTransfer.objects.filter(
            chain_id=settings.CHAIN_ID, status=Status.SEEN, block_number__lte=deepest
        ).order_by("block_number", "log_index")
        standing: dict[str, bool] = {}
        for transfer in waiting:
            if transfer.block_hash not in standing:
                standing[transfer.block_hash] = _stands(chain, transfer)
            booked += standing[transfer.block_hash] and _tried(transfer)
        judge_claims(chain, deepest)
    except NodeError as error:
        log.warning("chain_unavailable", during="settle", error=str(error))
    return booked


def _stands(chain: Node, transfer: ChainTransfer) -> bool:
    """Whether the transfer's block is still on the chain; if not, its transfers wait until the scanner finds them."""
    block = chain.block(transfer.block_number)
    if block is not None and block.hash == transfer.block_hash:
        return True
    lost = queries.unbooked().filter(block_hash=transfer.block_hash)
    payers = queries.payers(lost)
    lost.update(status=Status.ORPHANED)
    publish.after_commit(payers, [PAYMENTS])
    return False


def _tried(transfer: ChainTransfer) -> bool:
    """Whether the transfer could be booked. One that fails does not stop the others."""
    try:
        return _book(transfer)
    except Later:
        return False
    except Exception:
        log.exception("payment_not_booked", transfer=str(transfer))
        return False


@transaction.atomic
def _book(seen: ChainTransfer) -> bool:
    """Books a transfer unless somebody else was faster. Raises Later."""
    is_treasury = seen.sender == settings.CHAIN_TREASURY_ADDRESS
    client = None if is_treasury else client_by_address(seen.sender)
    orders: list[PaymentOrder] = []
    if client is not None:
        ledger.lock([available(client.id)])
        orders = list(open_orders(client.id, seen.amount).select_for_update())
    transfer = ChainTransfer.objects.select_for_update().get(id=seen.id)
    if transfer.status != Status.SEEN or transfer.block_hash != seen.block_hash:
        return False
    if _is_booked_before(transfer):
        give_up(transfer)
        return False
    if is_treasury:
        _book_platforms(transfer, PlatformAccount.FUND_RESERVE, Kind.RESERVE, Booked.RESERVE)
        transfer.status = Status.BOOKED
    elif client is None:
        _book_platforms(transfer, PlatformAccount.UNMATCHED, Kind.UNMATCHED, Booked.UNMATCHED)
        transfer.status = Status.UNMATCHED
        alert(
            f"unmatched:{transfer.sender}",
            f"{transfer.amount} USDT came from an unknown address",
            f"{transfer.sender} paid it in {transfer.tx_hash}. It waits in the back office to be assigned or refunded.",
        )
    else:
        transfer.client = client
        _match_order(transfer, orders)
        _book_for_client(transfer, client.id)
        publish.after_commit([client.id], [PAYMENTS, BALANCE])
    transfer.booked_at = sql.database_time()
    transfer.save()
    log.info("payment_booked", transfer=str(transfer), booked_as=transfer.booked_as, amount=str(transfer.amount))
    return True


def _is_booked_before(transfer: ChainTransfer) -> bool:
    """Whether this is a payment that was booked, lost its block, and is back at another place in its new one.

    Then the payment is what it was, and this log of it moves nothing.
    """
    lost = ChainTransfer.objects.select_for_update().filter(
        chain_id=transfer.chain_id,
        tx_hash=transfer.tx_hash,
        status=Status.REORGANISED,
        sender=transfer.sender,
        amount=transfer.amount,
    )
    before = lost.order_by("log_index").first()
    if before is None:
        return False
    before.status = Status.UNMATCHED if before.booked_as == Booked.UNMATCHED else Status.BOOKED
    before.block_number, before.block_hash = transfer.block_number, transfer.block_hash
    before.block_time = transfer.block_time
    before.save()
    transfer.status = Status.IGNORED
    transfer.save()
    return True


def _match_order(transfer: ChainTransfer, orders: list[PaymentOrder]) -> None:
    """Finds the order that the transfer pays. Raises Later while it may be one of several."""
    match(transfer, orders)
    found = rules.fitting(orders, transfer.tx_hash, transfer.block_time, transfer.order_id)
    if len(found) > 1:
        reached = ScanCursor.objects.get(chain_id=transfer.chain_id).block_time
        if reached is None or any(order.expires_at >= reached for order in found):
            raise Later


def _reference(booked_as: str, transfer: ChainTransfer) -> str:
    return f"{booked_as}:{transfer.chain_id}:{transfer.tx_hash}:{transfer.log_index}"


def _book_platforms(transfer: ChainTransfer, account: PlatformAccount, kind: Kind, booked_as: Booked) -> None:
    """Books a transfer that is no client's to an account of the platform."""
    reference = _reference(booked_as, transfer)
    ledger.post([Posting(PlatformAccount.CUSTODY, account, transfer.amount, kind, reference)])
    transfer.booked_as = booked_as


def _book_for_client(transfer: ChainTransfer, client_id: int) -> None:
    """Carries out the order, or, without one or where it is refused, credits the index account. Raises Later."""
    order = transfer.order
    purpose, reason = str(Booked.DEPOSIT), ""
    if order is not None:
        purpose = PURPOSES[order.purpose]
        payment = ConfirmedPayment(client_id, order.no, transfer.amount, _reference(purpose, transfer))
        try:
            with transaction.atomic():
                handlers.handler(order.purpose).on_confirmed(payment)
        except Refused as refusal:
            purpose, reason = str(Booked.DEPOSIT), refusal.reason
            handlers.handler(order.purpose).on_failed(order.no)
    if order is None or reason:
        credit_index_account(client_id, transfer.amount, _reference(purpose, transfer))
    if order is not None:
        order.status = OrderStatus.FAILED if reason else OrderStatus.CONFIRMED
        order.reason, order.tx_hash, order.finished_at = reason, transfer.tx_hash, sql.database_time()
        order.save(update_fields=["status", "reason", "tx_hash", "finished_at"])
    transfer.status, transfer.booked_as = Status.BOOKED, purpose
