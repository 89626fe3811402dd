"""Joining the pool. Leaving and the daily settlement come with their module."""

from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from ledger import accounts
from ledger.accounts import PlatformAccount
from ledger.services import Kind, Posting, post
from market_making import rules
from market_making.book import PoolBook
from market_making.models import Pledge
from payments.handlers import ConfirmedPayment, Later, PaymentHandler


class PledgePayments(PaymentHandler):
    """What a confirmed pledge payment (ZSZY) does, in the payment's own transaction."""

    def on_confirmed(self, payment: ConfirmedPayment) -> None:
        """Buys units at the value of the moment.

        Raises Later while an index with open positions is stale or a marked position waits, and Refused
        (`pledge_too_small`, `pool_worthless`, `pool_reserved`) where the payment belongs into the index account.
        """
        book = PoolBook.locked()
        if book.marked or _stale_exposure():
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
        Pledge.objects.create(client_id=payment.client_id, no=payment.no, principal=payment.amount, units=units)
        book.units += units
        book.save()


def _refusal(payment: ConfirmedPayment, book: PoolBook) -> Refused:
    if payment.amount < rules.SMALLEST_PLEDGE:
        return Refused(_("A pledge is at least 10 USDT."), "pledge_too_small")
    if book.units:
        return Refused(_("A unit of the pool is worth too little to be bought now."), "pool_worthless")
    return Refused(_("The pool has no units while positions are open."), "pool_reserved")


def _stale_exposure() -> bool:
    """Whether an index with open positions has no trustworthy price at the moment."""
    found = sql.row(
        """
        SELECT EXISTS (
            SELECT 1 FROM market_making_exposure AS e
            LEFT JOIN indexes_indexstate AS s ON s.index_id = e.index_id
            WHERE e.volume > 0 AND (s.stale IS NOT FALSE OR s.ticked_at < extract(epoch FROM clock_timestamp()) - 10)
        )
        """
    )
    assert found is not None
    return bool(found[0])
