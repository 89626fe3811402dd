"""What reads payments: a client's orders and their progress, and the checks of the books."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import Client
from chain.node import NodeError, node
from common import sql
from common.reconciliation import Difference, compare
from ledger.accounts import PlatformAccount
from ledger.queries import balance
from payments import rules
from payments.models import ChainTransfer, PaymentOrder, ScanCursor

Status = PaymentOrder.Status

RECENT = timedelta(days=1)
MOST_RECENT = 50


def recent_orders(client_id: int) -> list[PaymentOrder]:
    """A client's orders that are open or ended within a day, newest first, at most 50."""
    open_or_recent = Q(status__in=[Status.UNPAID, Status.CONFIRMING])
    open_or_recent |= Q(finished_at__gt=sql.database_time() - RECENT)
    return list(PaymentOrder.objects.filter(open_or_recent, client_id=client_id).order_by("-id")[:MOST_RECENT])


def confirmations(client_id: int, orders: Sequence[PaymentOrder]) -> dict[int, int]:
    """{order id: blocks above the transfer that pays it}, as far as the scanner has read and at most what is needed;
    without orders whose transfer it has not seen."""
    needed = settings.CHAIN_CONFIRMATIONS
    found = {order.id: needed for order in orders if order.status == Status.CONFIRMED}
    waiting = [order for order in reversed(orders) if order.status in (Status.UNPAID, Status.CONFIRMING)]
    cursor = ScanCursor.objects.filter(chain_id=settings.CHAIN_ID).first()
    if not waiting or cursor is None:
        return found
    for transfer in unbooked().filter(sender__in=Client.objects.filter(id=client_id).values("address")):
        same_amount = [order for order in waiting if order.amount == transfer.amount]
        fitting = rules.fitting(same_amount, transfer.tx_hash, transfer.block_time, transfer.order_id)
        # Of several that nobody claimed it may pay any.
        if len(fitting) == 1:
            depth = cursor.block_number - transfer.block_number
            found[fitting[0].id] = max(0, min(depth, needed))
    return found


def unbooked() -> QuerySet[ChainTransfer]:
    """Transfers on chain that are not deep enough, or wait."""
    return ChainTransfer.objects.filter(chain_id=settings.CHAIN_ID, status=ChainTransfer.Status.SEEN)


def payers(transfers: QuerySet[ChainTransfer]) -> set[int]:
    """The clients from whose wallets these came."""
    return set(Client.objects.filter(address__in=transfers.values("sender")).values_list("id", flat=True))


def differences() -> Iterator[Difference]:
    """Booked transfers against the ledger, one by one and in sum; confirmed orders against their transfers."""
    unequal = sql.rows(
        """
        WITH booked AS (
            SELECT concat_ws(':', booked_as, chain_id, tx_hash, log_index) AS reference, amount
            FROM payments_chaintransfer WHERE booked_as <> ''
        ), posted AS (
            SELECT reference, sum(amount) AS amount, count(*) AS times
            FROM ledger_transfer WHERE debit_id = %s GROUP BY reference
        )
        SELECT coalesce(b.reference, p.reference), coalesce(b.amount, 0), coalesce(p.amount, 0), coalesce(p.times, 0)
        FROM booked AS b FULL JOIN posted AS p ON p.reference = b.reference
        WHERE b.amount IS DISTINCT FROM p.amount OR p.times <> 1
        """,
        [int(PlatformAccount.CUSTODY)],
    )
    for reference, came_in, posted, times in unequal:
        yield Difference("payments", f"{reference}: came in {came_in}, posted {posted} in {times} transfers")
    yield from compare("payments", "custody", -_booked(), balance(PlatformAccount.CUSTODY))
    unpaid = sql.rows(
        """
        SELECT o.no, count(t.id)
        FROM payments_paymentorder AS o
        LEFT JOIN payments_chaintransfer AS t ON t.order_id = o.id AND t.booked_as <> '' AND t.amount = o.amount
        WHERE o.status = 2
        GROUP BY o.id HAVING count(t.id) <> 1
        """
    )
    for no, payments in unpaid:
        yield Difference("payments", f"order {no} is confirmed by {payments} payments")
    for (transfer,) in sql.rows("SELECT tx_hash FROM payments_chaintransfer WHERE status = 'reorganised'"):
        yield Difference("payments", f"{transfer} is booked, but its block was replaced")


def holdings_differences() -> Iterator[Difference]:
    """What the platform holds on chain against what it booked. A deficit is an error; a surplus, beyond what waits
    to be booked, and a node that does not answer are warnings."""
    try:
        held = node().balance_of(settings.CHAIN_TOKEN_ADDRESS, settings.CHAIN_RECEIVING_ADDRESS)
    except NodeError as error:
        yield Difference("chain holdings", f"the node does not answer: {error}", warning=True)
        return
    owed = -balance(PlatformAccount.CUSTODY)
    if held < owed:
        yield Difference("chain holdings", f"booked {owed}, held {held}: {owed - held} are missing")
        return
    surplus = held - owed - _sum("status = 'seen'")
    if surplus > 0:
        yield Difference("chain holdings", f"{surplus} more on chain than came in by known transfers", warning=True)


def chain_health() -> str | None:
    """What is wrong with the chain's node, if anything."""
    try:
        node().head()
    except NodeError as error:
        return str(error)
    return None


def _booked() -> Decimal:
    return _sum("booked_as <> ''")


def _sum(condition: str) -> Decimal:
    statement = f"SELECT coalesce(sum(amount), 0) FROM payments_chaintransfer WHERE {condition}"
    found = sql.row(statement)
    assert found is not None
    return Decimal(found[0])
