"""Placing an order: checked, its margin and fee put on hold, answered at once; the engine fills it."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from common import sql
from common.sockets import publish
from contracts.channels import ORDERS
from contracts.errors import refused
from contracts.services.context import check_price, hold_of, objection, read_context
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

    Raises Invalid (`not_found`, a price finer than the index) and Refused (`halted`, `stale`, `closing`,
    `terms_changed`, `volume_limit`, `index_price_too_low`, `order_too_small`, `too_many_orders`,
    `insufficient_balance`, `banned`); then nothing has changed.
    """
    context = read_context(client_id=client_id, index_id=index_id, direction=direction, lock=True)
    check_price(context, "price", limit)
    hold = None if context.last is None else hold_of(context, direction, volume, limit)
    reason = objection(context, volume, limit, hold)
    if reason:
        raise refused(reason)
    assert hold is not None
    kind = "market" if limit is None else "limit"
    placed = sql.row(
        _PLACE,
        [
            *(index_id, direction, kind, limit, context.terms.lever, volume, hold.fee, hold.total, client_id),
            *(accounts.available(client_id), accounts.order_hold(client_id), hold.total),
        ],
    )
    if placed is None:
        raise refused("banned")
    publish.after_commit([client_id], [ORDERS, BALANCE])
    return PlacedOrder(placed[0], hold.price, hold.fee)
