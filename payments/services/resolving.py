"""What two operators decide about money that the rules cannot place: unmatched payments, bookings whose block is gone,
and corrections. One proposes, another approves (operations/approvals.py); what is here is carried out then."""

from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Client
from common import sql
from common.errors import Invalid, Refused
from common.money import format_money, parse_plain
from common.sockets import publish
from ledger import services as ledger
from ledger.accounts import PLATFORM_BASE, ClientAccount, PlatformAccount, account_name, available
from ledger.channels import BALANCE
from ledger.models import Account, Transfer
from ledger.services import Kind, Posting
from operations import approvals
from operations.approvals import ApprovalKind
from operations.models import Approval
from payments.models import ChainTransfer, Withdrawal
from payments.services import withdrawals
from payments.services.withdrawals.approval import KIND as WITHDRAWAL_KIND
from payments.services.withdrawals.approval import PERMISSION
from payments.services.withdrawals.request import create

Status = ChainTransfer.Status
Resolution = ChainTransfer.Resolution

ASSIGN, REFUND, REVERSE, CORRECTION = "payment_assign", "payment_refund", "payment_reverse", "correction"
_TYPE = "payments.ChainTransfer"

# What a correction may move. The other accounts answer for positions, orders, pledges and funds, one by one: a mistake
# there is mended by its module.
CORRECTABLE = {
    PlatformAccount.CUSTODY,
    PlatformAccount.INCENTIVE_POOL,
    PlatformAccount.FEE_REVENUE,
    PlatformAccount.FUND_RESERVE,
}
# Where bookings went that are no client's.
_WITHOUT_CLIENT = {"unmatched": PlatformAccount.UNMATCHED, "reserve": PlatformAccount.FUND_RESERVE}
# What a reversal may take back, beside corrections: single movements that nothing else counts.
REVERSIBLE = {Kind.CORRECTION, Kind.FUND_REWARD, Kind.POWER_REWARD, Kind.RESERVE}


def propose_assignment(*, transfer_id: int, address: str, operator: User, reason: str) -> Approval:
    """Proposes that an unmatched payment is a client's. Raises Invalid `not_found`, Refused `not_unmatched`."""
    transfer = _unmatched(transfer_id)
    if not address:
        raise Invalid({"address": [_("Whose is it? Write the client's address.")]})
    client = Client.objects.filter(address__iexact=address).first()
    if client is None:
        raise Invalid({"address": [_("No client has this address.")]}, reason="not_found")
    proposal = {"client": client.pk, "address": client.address, "amount": format_money(transfer.amount)}
    return _propose(ASSIGN, transfer, proposal, operator, reason)


def propose_refund(*, transfer_id: int, operator: User, reason: str) -> Approval:
    """Proposes that an unmatched payment goes back to its sender, whole. Raises Refused `not_unmatched`."""
    transfer = _unmatched(transfer_id)
    return _propose(REFUND, transfer, _described(transfer), operator, reason)


def propose_reversal(*, transfer_id: int, operator: User, reason: str) -> Approval:
    """Proposes to take back a booking whose block was replaced. Raises Refused `not_reorganised`."""
    transfer = ChainTransfer.objects.get(id=transfer_id)
    if transfer.status != Status.REORGANISED or transfer.resolution == Resolution.REVERSED:
        raise Refused(_("This payment is on the chain, or was reversed."), "not_reorganised")
    return _propose(REVERSE, transfer, _described(transfer), operator, reason)


def propose_reversal_by_platform(transfer: ChainTransfer) -> None:
    """What the scanner proposes when a booked payment's block was replaced; an operator decides."""
    approvals.propose_by_platform(
        kind=REVERSE,
        object_type=_TYPE,
        object_id=transfer.pk,
        proposal=_described(transfer),
        reason="its block was replaced after it was booked",
    )


def propose_correction(*, debit: int, credit: int, amount: Decimal, operator: User, reason: str) -> Approval:
    """Proposes a transfer of `amount` USDT between two accounts, by their ids. Raises Invalid."""
    errors = {
        name: [_("This account cannot be corrected.")]
        for name, account in (("debit", debit), ("credit", credit))
        if not _correctable(account)
    }
    if debit == credit:
        errors["credit"] = [_("Two different accounts are needed.")]
    if errors:
        raise Invalid(errors)
    held = Account.objects.get(id=debit)
    if held.floor is not None and held.balance - amount < held.floor:
        left = format_money(held.balance - held.floor)
        raise Invalid({"amount": [_("The account has %(left)s to give.") % {"left": left}]})
    addresses = {f"{side}_address": _address(account) for side, account in (("from", debit), ("to", credit))}
    proposal = {"debit": debit, "credit": credit, "amount": format_money(amount), **addresses}
    return approvals.propose(
        kind=CORRECTION,
        object_type="ledger.Account",
        object_id=f"{account_name(debit)} > {account_name(credit)}: {format_money(amount)}",
        proposal=proposal,
        reason=reason,
        operator=operator,
    )


def propose_ledger_reversal(*, transfer_id: int, operator: User, reason: str) -> Approval:
    """Proposes to take back one transfer of the ledger. Raises Refused `not_reversible`."""
    transfer = Transfer.objects.get(id=transfer_id)
    accounts = (transfer.debit_id, transfer.credit_id)
    if transfer.kind not in REVERSIBLE or not all(_correctable(account) for account in accounts):
        raise Refused(_("This transfer is taken back by its own module, not by hand."), "not_reversible")
    return approvals.propose(
        kind=CORRECTION,
        object_type="ledger.Transfer",
        object_id=transfer.pk,
        proposal={"transfer": transfer.pk, "amount": format_money(transfer.amount)},
        reason=reason,
        operator=operator,
    )


def _address(account: int) -> str:
    """Whose account it is; empty for the platform's."""
    return "" if account >= PLATFORM_BASE else Client.objects.get(id=account // 8).address


def _describe_correction(proposal: dict[str, Any]) -> str:
    if "debit" not in proposal:
        return f"{_('transfer')} {proposal['transfer']}: {proposal['amount']}"

    def named(side: str, account: int) -> str:
        return f"{Account.kind_of(account).label} {proposal.get(f'{side}_address', '')}".strip()

    return f"{named('from', proposal['debit'])} → {named('to', proposal['credit'])}: {proposal['amount']}"


def _carry_out_assignment(approval: Approval) -> None:
    client_id = int(approval.proposal["client"])
    ledger.lock([available(client_id)])
    transfer = _unmatched(int(approval.object_id), lock=True)
    reference = f"assigned:{transfer.chain_id}:{transfer.tx_hash}:{transfer.log_index}"
    ledger.post([Posting(PlatformAccount.UNMATCHED, available(client_id), transfer.amount, Kind.DEPOSIT, reference)])
    transfer.resolution, transfer.client_id = Resolution.ASSIGNED, client_id
    transfer.save(update_fields=["resolution", "client"])
    publish.after_commit([client_id], [BALANCE])


def _carry_out_refund(approval: Approval) -> None:
    transfer = _unmatched(int(approval.object_id), lock=True)
    transfer.resolution = Resolution.REFUNDING
    transfer.save(update_fields=["resolution"])
    create(
        refund_of=transfer,
        address=transfer.sender,
        amount=transfer.amount,
        fee=Decimal(0),
        needs_two=True,
        status=Withdrawal.Status.APPROVED,
        approved_by=approval.proposed_by,
        second_approved_by=approval.decided_by,
        approved_at=sql.database_time(),
    )


def _carry_out_reversal(approval: Approval) -> None:
    seen = ChainTransfer.objects.get(id=int(approval.object_id))
    debit = _WITHOUT_CLIENT[seen.booked_as] if seen.client_id is None else available(seen.client_id)
    ledger.lock([debit])
    transfer = ChainTransfer.objects.select_for_update().get(id=seen.id)
    if transfer.status != Status.REORGANISED or transfer.resolution in (Resolution.REVERSED, Resolution.REFUNDED):
        raise Refused(_("This payment is on the chain, or was reversed."), "not_reorganised")
    reference = f"reversal:{transfer.booked_as}:{transfer.chain_id}:{transfer.tx_hash}:{transfer.log_index}"
    _post(Posting(debit, PlatformAccount.CUSTODY, transfer.amount, Kind.REVERSAL, reference))
    transfer.resolution = Resolution.REVERSED
    transfer.save(update_fields=["resolution"])


def _carry_out_correction(approval: Approval) -> None:
    if approval.object_type == "ledger.Transfer":
        transfer = Transfer.objects.get(id=approval.proposal["transfer"])
        debit, credit, amount = transfer.credit_id, transfer.debit_id, transfer.amount
        kind, reference = Kind.REVERSAL, f"reversal:{transfer.pk}"
    else:
        debit, credit = int(approval.proposal["debit"]), int(approval.proposal["credit"])
        parsed = parse_plain(approval.proposal["amount"], 6)
        assert parsed is not None
        amount, kind, reference = parsed, Kind.CORRECTION, f"correction:{approval.pk}"
    ledger.lock([debit, credit])
    _post(Posting(debit, credit, amount, kind, reference))


def _post(posting: Posting) -> None:
    """Posts it, and tells the clients. Raises Refused `insufficient_balance` or `done_already`."""
    try:
        with transaction.atomic():
            ledger.post([posting])
    except IntegrityError as error:
        if "ledger_transfer_once" in str(error):
            raise Refused(_("This was done already."), "done_already") from error
        raise Refused(_("The balance is not sufficient."), "insufficient_balance") from error
    clients = {account // 8 for account in (posting.debit, posting.credit) if account < PLATFORM_BASE}
    publish.after_commit(clients, [BALANCE])


def _correctable(account: int) -> bool:
    """Whether a correction may move this account, and it exists."""
    allowed = account in CORRECTABLE if account >= PLATFORM_BASE else account % 8 == ClientAccount.AVAILABLE
    return allowed and Account.objects.filter(id=account).exists()


def _unmatched(transfer_id: int, lock: bool = False) -> ChainTransfer:
    rows = ChainTransfer.objects.select_for_update() if lock else ChainTransfer.objects
    transfer = rows.get(id=transfer_id)
    if transfer.status != Status.UNMATCHED or transfer.resolution:
        raise Refused(_("This payment does not wait for an operator."), "not_unmatched")
    return transfer


def _propose(kind: str, transfer: ChainTransfer, proposal: dict, operator: User, reason: str) -> Approval:
    return approvals.propose(
        kind=kind, object_type=_TYPE, object_id=transfer.pk, proposal=proposal, reason=reason, operator=operator
    )


def _described(transfer: ChainTransfer) -> dict[str, str]:
    return {"tx_hash": transfer.tx_hash, "address": transfer.sender, "amount": format_money(transfer.amount)}


def register() -> None:
    """Signs up for what operators propose here."""
    resolve, correct = "payments.resolve_chaintransfer", "payments.correct"
    for kind, what in (
        (WITHDRAWAL_KIND, ApprovalKind(_("a large withdrawal"), PERMISSION, withdrawals.carry_out)),
        (ASSIGN, ApprovalKind(_("an unmatched payment assigned to a client"), resolve, _carry_out_assignment)),
        (REFUND, ApprovalKind(_("an unmatched payment refunded"), resolve, _carry_out_refund)),
        (REVERSE, ApprovalKind(_("a booked payment reversed"), resolve, _carry_out_reversal)),
        (CORRECTION, ApprovalKind(_("a correction"), correct, _carry_out_correction, _describe_correction)),
    ):
        approvals.register(kind, what)
