"""Redeeming: a request touches only its client's money; what needs the reserve too is carried out by a job."""

import structlog
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused, not_found
from common.money import ZERO
from common.sockets import publish
from funds import rules
from funds.locks import lock_order
from funds.models import FundOrder
from funds.services.periods import is_due, reference_of, reward_order
from ledger.accounts import PlatformAccount, available, fund_principal
from ledger.channels import BALANCE
from ledger.services import Kind, Posting, post
from operations.halts import Kind as HaltKind
from operations.halts import refuse_halted

log = structlog.get_logger(__name__)


@transaction.atomic
def request_redemption(*, client_id: int, order_id: int) -> FundOrder:
    """Asks for an order's principal; whether it is early is decided by this moment.

    A rewarded order is redeemed at once, any other by the next sweep (`redeem_asked`): a matured one gets its reward
    first, an early one pays its fee. Asking again is no error until then. Raises Invalid `not_found`, and Refused
    `order_not_confirmed`, `already_redeemed`, `not_matured` or `halted`.
    """
    refuse_halted(HaltKind.ALL)
    found = FundOrder.objects.filter(id=order_id, client_id=client_id).first()
    if found is None:
        raise not_found()
    order = lock_order(found)
    if order.started_at is None or order.matures_at is None:
        raise Refused(_("This order is not confirmed."), "order_not_confirmed")
    if order.redeemed_at is not None:
        raise Refused(_("This order has been redeemed already."), "already_redeemed")
    if order.redemption_asked_at is not None:
        return order
    now = sql.database_time()
    if order.rewarded_at is None and now < order.matures_at and order.early_fee_rate is None:
        raise Refused(_("This order's period has not ended, and it cannot be redeemed before."), "not_matured")
    order.redemption_asked_at = now
    order.save(update_fields=["redemption_asked_at"])
    if order.rewarded_at is not None:
        _return(order, early=False)
    return order


def redeem_asked() -> int:
    """Carries out the redemptions that were asked for, each in a transaction of its own; their number.

    One whose reward the reserve cannot pay waits for it.
    """
    redeemed = 0
    asked = FundOrder.objects.filter(redemption_asked_at__isnull=False, redeemed_at=None)
    for order in asked.order_by("redemption_asked_at").iterator():
        try:
            redeemed += _redeem(order)
        except Exception:
            log.exception("fund_order_not_redeemed", order=order.id)
    return redeemed


@transaction.atomic
def _redeem(asked: FundOrder) -> bool:
    order = lock_order(asked)
    if order.redeemed_at is not None or order.redemption_asked_at is None:
        return False
    if is_due(order, order.redemption_asked_at) and not reward_order(order):
        return False
    _return(order, early=order.rewarded_at is None)
    return True


def _return(order: FundOrder, *, early: bool) -> None:
    """Returns a locked order's principal, less the fee where it is early. The fee goes to the reserve."""
    principal, fee = order.amount, ZERO
    if early:
        fee = rules.early_fee(principal, order.early_fee_rate or ZERO)
    else:
        principal = rules.principal_after(principal, rules.reward(order.amount, order.profit))
    client, reference = order.client_id, reference_of(order)
    held = fund_principal(client)
    post(
        [
            Posting(held, PlatformAccount.FUND_RESERVE, fee, Kind.FUND_FEE, reference),
            Posting(held, available(client), principal - fee, Kind.FUND_RETURN, reference),
        ]
    )
    order.redeemed_at, order.redeemed_amount, order.fee = sql.database_time(), principal - fee, fee
    order.save(update_fields=["redeemed_at", "redeemed_amount", "fee"])
    publish.after_commit([client], [BALANCE])
