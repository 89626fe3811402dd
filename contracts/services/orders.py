"""Placing an order: checked, its margin and fee put on hold, answered at once; the engine fills it."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from common import sql
from common.errors import Invalid, not_found
from common.sockets import publish
from contracts import rules
from contracts.channels import ORDERS
from contracts.errors import refused
from contracts.rules import Terms
from ledger import accounts
from ledger.channels import BALANCE


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An accepted order: its id, the price it was held at (a limit's own) and the fee held."""

    id: int
    price: Decimal
    fee: Decimal


# The order and its hold in one statement. The database's clock gives its arrival. A client that was banned after its
# request was let in is seen here: a ban holds the same lock.
_PLACE = """
WITH placed AS (
    INSERT INTO contracts_order
        (client_id, index_id, kind, direction, price_type, price, lever, volume, fee, hold)
    SELECT id, %s, 'open', %s, %s, %s, %s, %s, %s, %s FROM accounts_client WHERE id = %s AND banned_at IS NULL
    RETURNING id
), held AS (
    INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
    SELECT %s, %s, %s, 'hold', 'order:' || id FROM placed
)
SELECT id FROM placed
"""


@transaction.atomic
def place_order(
    *, client_id: int, index_id: int, direction: int, volume: int, limit: Decimal | None = None
) -> PlacedOrder:
    """Accepts an order to open at the market or at a limit price.

    Raises Invalid (`not_found`, a price finer than the index) and Refused (`stale`, `closing`, `terms_changed`,
    `index_price_too_low`, `order_too_small`, `volume_limit`, `too_many_orders`, `insufficient_balance`, `banned`);
    then nothing has changed.
    """
    context = sql.row("SELECT * FROM contracts_order_context(%s, %s, %s::smallint)", [client_id, index_id, direction])
    if context is None or not context[1]:
        raise not_found()
    available, _enabled, decimals = context[:3]
    terms = Terms(*context[3:10])
    max_order, max_position, last, stale, position_volume, mark, same_terms, limit_orders = context[10:]
    if limit is not None and limit != round(limit, decimals):
        raise Invalid({"price": [_("At most %(decimals)s decimals.") % {"decimals": decimals}]})
    if stale:
        raise refused("stale")
    if mark:
        raise refused("closing")
    if position_volume and not same_terms:
        raise refused("terms_changed")
    if volume > max_order or volume + (position_volume or 0) > max_position:
        raise refused("volume_limit")
    if last < rules.SMALLEST_PRICE:
        raise refused("index_price_too_low")
    price = rules.hold_price(direction, last, limit)
    notional = price * rules.quantity(volume, terms)
    if notional < rules.SMALLEST_NOTIONAL:
        raise refused("order_too_small")
    if limit is not None and limit_orders >= rules.MOST_LIMIT_ORDERS:
        raise refused("too_many_orders")
    fee = rules.fee(notional, terms)
    hold = rules.margin(notional, terms) + fee
    if hold > available:
        raise refused("insufficient_balance")
    kind = "market" if limit is None else "limit"
    placed = sql.row(
        _PLACE,
        [
            *(index_id, direction, kind, limit, terms.lever, volume, fee, hold, client_id),
            *(accounts.available(client_id), accounts.order_hold(client_id), hold),
        ],
    )
    if placed is None:
        raise refused("banned")
    publish.after_commit([client_id], [ORDERS, BALANCE])
    return PlacedOrder(placed[0], price, fee)
