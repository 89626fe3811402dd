"""What reads payments: a client's orders and their progress, and the checks of the books."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from accounts.models import Client
from chain.node import Node, NodeError, node
from common import sql
from common.reconciliation import Difference, compare
from common.times import SHANGHAI
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.queries import balance, totals_by_client
from payments import rules
from payments.models import ChainTransfer, PaymentOrder, Payout, ScanCursor, Withdrawal

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


def recent_withdrawals(client_id: int) -> list[Withdrawal]:
    """A client's withdrawals that are open or ended within a day, newest first, at most 50."""
    open_or_recent = Q(finished_at=None) | Q(finished_at__gt=sql.database_time() - RECENT)
    return list(_with_transaction(Withdrawal.objects.filter(open_or_recent, client_id=client_id))[:MOST_RECENT])


def payments_of(client_id: int, no: str | None = None) -> QuerySet[PaymentOrder]:
    """A client's payment orders, newest first; only number `no` where it is given."""
    found = PaymentOrder.objects.filter(client_id=client_id).order_by("-id")
    return found if no is None else found.filter(no=no)


def withdrawals_of(client_id: int, no: str | None = None) -> QuerySet[Withdrawal]:
    """A client's withdrawals, newest first; only number `no` where it is given."""
    found = _with_transaction(Withdrawal.objects.filter(client_id=client_id))
    return found if no is None else found.filter(no=no)


def _with_transaction(withdrawals: QuerySet[Withdrawal]) -> QuerySet[Withdrawal]:
    """Newest first, with `newest_hash`, that of the transaction sent last."""
    newest = Payout.objects.filter(withdrawal=OuterRef("pk")).order_by("-attempt").values("tx_hash")[:1]
    return withdrawals.annotate(newest_hash=Subquery(newest)).order_by("-id")


def day_begins() -> datetime:
    """When the day of Asia/Shanghai began."""
    return sql.database_time().astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)


def withdrawals_today(client_id: int) -> int:
    """How many of today's withdrawals of the client count: all that were not turned down and did not fail."""
    ended = [Withdrawal.Status.REJECTED, Withdrawal.Status.FAILED]
    today = Withdrawal.objects.filter(client_id=client_id, created_at__gte=day_begins())
    return today.exclude(status__in=ended).count()


def approved_automatically_today(client_id: int | None = None) -> Decimal:
    """USDT that was approved without an operator today, for a client or for all."""
    found = Withdrawal.objects.filter(automatic=True, approved_at__gte=day_begins())
    if client_id is not None:
        found = found.filter(client_id=client_id)
    return Decimal(found.aggregate(total=Sum("amount"))["total"] or 0)


def platform_addresses() -> list[str]:
    """Where the platform holds its tokens: the receiving address and the hot wallet, mostly one and the same."""
    return list(dict.fromkeys([settings.CHAIN_RECEIVING_ADDRESS, settings.CHAIN_HOT_WALLET_ADDRESS]))


def banned_clients() -> QuerySet[Client, int]:
    """Ids of the clients who are banned."""
    return Client.objects.filter(banned_at__isnull=False).values_list("id", flat=True)


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
            FROM ledger_transfer WHERE debit_id = %s AND kind NOT IN ('correction', 'reversal') GROUP BY reference
        )
        SELECT coalesce(b.reference, p.reference), coalesce(b.amount, 0), coalesce(p.amount, 0), coalesce(p.times, 0)
        FROM booked AS b FULL JOIN posted AS p ON p.reference = b.reference
        WHERE b.amount IS DISTINCT FROM p.amount OR p.times <> 1
        """,
        [int(PlatformAccount.CUSTODY)],
    )
    for reference, came_in, posted, times in unequal:
        yield Difference("payments", f"{reference}: came in {came_in}, posted {posted} in {times} transfers")
    yield from compare("payments", "custody", _paid_out() + _corrected() - _booked(), balance(PlatformAccount.CUSTODY))
    yield from _withdrawal_differences()
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
    for (transfer,) in sql.rows(
        "SELECT tx_hash FROM payments_chaintransfer WHERE status = 'reorganised' AND resolution <> 'reversed'"
    ):
        yield Difference("payments", f"{transfer} is booked, but its block was replaced")
    back = "SELECT tx_hash FROM payments_chaintransfer WHERE status <> 'reorganised' AND resolution = 'reversed'"
    for (transfer,) in sql.rows(back):
        yield Difference("payments", f"{transfer} was reversed, and is on the chain again")


def _withdrawal_differences() -> Iterator[Difference]:
    """Holds against open withdrawals, client by client; ended ones against their transfers; what waits for operators
    against `unmatched`."""
    statement = """
        SELECT client_id, sum(amount) FROM payments_withdrawal
        WHERE client_id IS NOT NULL AND status IN ('review', 'approved', 'sent') GROUP BY client_id
        """
    expected = dict(sql.rows(statement))
    held = totals_by_client(ClientAccount.WITHDRAWAL_HOLD)
    for client in sorted(expected.keys() | held.keys()):
        yield from compare(
            "payments",
            f"withdrawals of client {client}",
            expected.get(client, Decimal(0)),
            held.get(client, Decimal(0)),
        )
    unequal = sql.rows(
        """
        WITH posted AS (
            SELECT
                reference,
                coalesce(sum(amount) FILTER (WHERE kind IN ('withdrawal', 'refund')), 0) AS paid,
                coalesce(sum(amount) FILTER (WHERE kind = 'withdrawal_fee'), 0) AS fee,
                coalesce(sum(amount) FILTER (WHERE kind = 'withdrawal_return'), 0) AS returned
            FROM ledger_transfer WHERE reference LIKE 'withdrawal:%%' GROUP BY reference
        )
        SELECT w.no, w.status, p.paid, p.fee, p.returned
        FROM payments_withdrawal AS w LEFT JOIN posted AS p ON p.reference = 'withdrawal:' || w.no
        WHERE (coalesce(p.paid, 0), coalesce(p.fee, 0), coalesce(p.returned, 0)) IS DISTINCT FROM (
            CASE WHEN w.status = 'confirmed' THEN w.amount - w.fee ELSE 0 END,
            CASE WHEN w.status = 'confirmed' THEN w.fee ELSE 0 END,
            CASE WHEN w.status IN ('rejected', 'failed') AND w.client_id IS NOT NULL THEN w.amount ELSE 0 END
        )
        """,
        [],
    )
    for no, status, paid, fee, returned in unequal:
        yield Difference("payments", f"withdrawal {no} is {status}: paid {paid}, fee {fee}, returned {returned}")
    waiting = _sum("booked_as = 'unmatched' AND resolution IN ('', 'refunding')")
    yield from compare("payments", "unmatched", waiting, balance(PlatformAccount.UNMATCHED))


def holdings_differences() -> Iterator[Difference]:
    """What the platform holds on chain against what it booked, payouts that are mined and not booked yet taken off. A
    deficit is an error; a surplus, beyond what waits to be booked, and a node that does not answer are warnings."""
    try:
        chain = node()
        token = settings.CHAIN_TOKEN_ADDRESS
        held = sum((chain.balance_of(token, address) for address in platform_addresses()), Decimal(0))
        # Asked for last: what is mined in between makes a surplus, not a deficit.
        going = _mined_payouts(chain)
    except NodeError as error:
        yield Difference("chain holdings", f"the node does not answer: {error}", warning=True)
        return
    owed = -balance(PlatformAccount.CUSTODY) - going
    if held < owed:
        yield Difference("chain holdings", f"booked {owed}, held {held}: {owed - held} are missing")
        return
    surplus = held - owed - _sum("status = 'seen'")
    if surplus > 0:
        yield Difference("chain holdings", f"{surplus} more on chain than came in by known transfers", warning=True)


def _mined_payouts(chain: Node) -> Decimal:
    """USDT that has left by payouts which are not deep enough to be booked. Raises NodeError."""
    sent = list(Withdrawal.objects.filter(status=Withdrawal.Status.SENT).prefetch_related("payouts"))
    gone = Decimal(0)
    for withdrawal in sent:
        receipts = (chain.receipt(payout.tx_hash) for payout in withdrawal.payouts.all())
        if any(receipt is not None and receipt.succeeded for receipt in receipts):
            gone += withdrawal.amount - withdrawal.fee
    return gone


def chain_health() -> str | None:
    """What is wrong with the chain's node, if anything."""
    try:
        node().head()
    except NodeError as error:
        return str(error)
    return None


def _booked() -> Decimal:
    return _sum("booked_as <> ''")


def _paid_out() -> Decimal:
    found = sql.row("SELECT coalesce(sum(amount - fee), 0) FROM payments_withdrawal WHERE status = 'confirmed'")
    assert found is not None
    return Decimal(found[0])


def _corrected() -> Decimal:
    """What corrections and reversals, each approved by two, have added to custody."""
    found = sql.row(
        """
        SELECT coalesce(sum(CASE WHEN credit_id = %s THEN amount ELSE -amount END), 0) FROM ledger_transfer
        WHERE %s IN (debit_id, credit_id) AND kind IN ('correction', 'reversal')
        """,
        [int(PlatformAccount.CUSTODY)] * 2,
    )
    assert found is not None
    return Decimal(found[0])


def _sum(condition: str) -> Decimal:
    statement = f"SELECT coalesce(sum(amount), 0) FROM payments_chaintransfer WHERE {condition}"
    found = sql.row(statement)
    assert found is not None
    return Decimal(found[0])
