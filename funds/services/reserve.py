"""The fund reserve: what rewards are paid from."""

from decimal import Decimal

import structlog
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Refused
from funds.models import ReserveTopUp
from ledger import services as ledger
from ledger.accounts import PlatformAccount
from ledger.services import Kind, Posting, post

log = structlog.get_logger(__name__)


@transaction.atomic
def top_up_reserve(*, amount: Decimal, operator: str, reason: str) -> ReserveTopUp:
    """Moves revenue to the reserve; the orders that wait for it are paid by the next run.

    Raises Refused `insufficient_revenue`.
    """
    held = ledger.lock([PlatformAccount.FEE_REVENUE, PlatformAccount.FUND_RESERVE])
    if held[PlatformAccount.FEE_REVENUE] < amount:
        raise Refused(_("The revenue is not sufficient."), "insufficient_revenue")
    made = ReserveTopUp.objects.create(amount=amount, operator=operator, reason=reason)
    revenue, reserve = PlatformAccount.FEE_REVENUE, PlatformAccount.FUND_RESERVE
    post([Posting(revenue, reserve, amount, Kind.RESERVE, f"reserve_top_up:{made.id}")])
    log.info("fund_reserve_topped_up", amount=str(amount), operator=operator)
    return made
