"""Joining the pool, and leaving it. The daily settlement is in settlement.py."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from common.money import ZERO
from ledger import accounts
from ledger.accounts import PlatformAccount
from ledger.services import Kind, Posting, post
from market_making import rules
from market_making.book import PoolBook
from market_making.locks import lock_pool
from market_making.models import Pledge
from operations import halts
from payments.handlers import ConfirmedPayment, Later, PaymentHandler

_UNIT_EPOCH = "SELECT unit_epoch FROM market_making_pool WHERE id = 1"


class PledgePayments(PaymentHandler):
    """What a confirmed pledge payment (ZSZY) does, in the payment's own transaction."""

    def on_confirmed(self, payment: ConfirmedPayment) -> None:
        """Buys units at the value of the moment.

        Raises Later while an index with open positions is stale or a marked position waits, and Refused
        (`pledge_too_small`, `pool_worthless`, `pool_reserved`) where the payment belongs into the index account.
        """
        book = PoolBook.locked()
        if book.marked or stale_exposure():
            raise Later
        if not rules.can_join(payment.amount, book.units, book.value, book.reserved):
            raise _refusal(payment, book)
        postings = []
        if not book.units:
            # Without units nobody is pledged, and the equity is a result left over.
            result = book.equity
            if result > 0:
                postings.append(
                    Posting(
                        PlatformAccount.POOL_RESULT,
                        PlatformAccount.FEE_REVENUE,
                        result,
                        Kind.SURPLUS,
                        payment.reference,
                    )
                )
        units = rules.units_for(payment.amount, book.units, book.value)
        postings.append(
            Posting(
                PlatformAccount.CUSTODY,
                accounts.pledge(payment.client_id),
                payment.amount,
                Kind.PLEDGE,
                payment.reference,
            )
        )
        post(postings)
        Pledge.objects.create(
            client_id=payment.client_id, no=payment.no, paid_in=payment.amount, principal=payment.amount, units=units
        )
        book.units += units
        book.save()


def _refusal(payment: ConfirmedPayment, book: PoolBook) -> Refused:
    if payment.amount < rules.SMALLEST_PLEDGE:
        return Refused(_("A pledge is at least 10 USDT."), "pledge_too_small")
    if book.units:
        return Refused(_("A unit of the pool is worth too little to be bought now."), "pool_worthless")
    return Refused(_("The pool has no units while positions are open."), "pool_reserved")


def stale_exposure() -> bool:
    """Whether an index with open positions has no trustworthy price at the moment, or all business in it is halted."""
    exposed = sql.rows(
        """
        SELECT e.index_id, bool_or(s.stale IS NOT FALSE OR s.ticked_at < extract(epoch FROM clock_timestamp()) - 10)
        FROM market_making_exposure AS e LEFT JOIN indexes_indexstate AS s ON s.index_id = e.index_id
        WHERE e.volume > 0 GROUP BY e.index_id
        """
    )
    if any(stale for _index, stale in exposed):
        return True
    halted = halts.of_indexes(index for index, _stale in exposed)
    return any(halts.Kind.ALL in kinds for kinds in halted.values())


@transaction.atomic
def cancel_pledges(*, client_id: int) -> None:
    """Marks all pledges of a client as leaving, for good; again is no error. Raises Refused `no_pledge`.

    Only the client's own rows are written. The gate counts them from the commit on (`PoolBook.leaving`);
    `count_leaving` moves them into the pool's row, and the settlement of the day pays them out.
    """
    live = Pledge.objects.live().filter(client_id=client_id)
    locked = list(live.select_for_update().order_by("id").values_list("id", "cancelled_at"))
    if not locked:
        raise Refused(_("Nothing is pledged."), "no_pledge")
    fresh = [pledge for pledge, cancelled_at in locked if cancelled_at is None]
    Pledge.objects.filter(id__in=fresh).update(cancelled_at=sql.database_time())


@transaction.atomic
def count_leaving() -> int:
    """Counts cancelled pledges in the pool's row, so that few are left for the gate to add up; their number.

    While a settlement is being carried out, those that it has not reached wait: their units are old ones.
    """
    epoch = sql.row(_UNIT_EPOCH)
    found = sql.rows(
        """
        UPDATE market_making_pledge AS g SET counted = true
        FROM (
            SELECT id FROM market_making_pledge
            WHERE cancelled_at IS NOT NULL AND NOT counted AND NOT EXISTS (
                SELECT FROM market_making_settlement WHERE finished_at IS NULL
            )
            ORDER BY id LIMIT 50000 FOR UPDATE SKIP LOCKED
        ) AS fresh
        WHERE g.id = fresh.id RETURNING g.units
        """
    )
    if found:
        lock_pool()
        if sql.row(_UNIT_EPOCH) != epoch:
            transaction.set_rollback(True)
            return 0
        sql.execute(
            "UPDATE market_making_pool SET units_leaving = units_leaving + %s WHERE id = 1",
            [sum((units for (units,) in found), ZERO)],
        )
    return len(found)
