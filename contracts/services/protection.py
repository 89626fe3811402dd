"""Take-profit and stop-loss: prices at which ticks later than their setting close a position whole."""

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from common import sql
from common.errors import Invalid, not_found
from common.sockets import publish
from contracts import rules
from contracts.channels import POSITIONS
from contracts.errors import refused
from contracts.models import Position
from contracts.rules import Protection
from operations import halts


@transaction.atomic
def protect_position(
    *, client_id: int, position_id: int, take_profit: Decimal | None = None, stop_loss: Decimal | None = None
) -> None:
    """Sets both prices anew; None takes one away.

    Raises Invalid (`not_found`, a price finer than the index) and Refused (`halted`, `closing`, and
    `protection_reached` where the last price is at or beyond one of them already).
    """
    locked = sql.row(
        "SELECT 1 FROM contracts_position WHERE id = %s AND client_id = %s AND closed_at IS NULL FOR NO KEY UPDATE",
        [position_id, client_id],
    )
    if locked is None:
        raise not_found()
    position = Position.objects.select_related("index__state").get(id=position_id)
    index = position.index
    for field, price in (("take_profit", take_profit), ("stop_loss", stop_loss)):
        if price is not None and price != round(price, index.decimals):
            raise Invalid({field: [_("At most %(decimals)s decimals.") % {"decimals": index.decimals}]})
    if halts.is_halted(halts.Kind.ALL, index.id):
        raise refused("halted")
    if position.mark:
        raise refused("closing")
    protection = Protection(take_profit, stop_loss)
    last = index.state.last_price
    if last is not None and rules.protection_reached(position.direction, last, protection):
        raise refused("protection_reached")
    lower, upper = rules.triggers(position.direction, position.stake, position.terms, protection)
    sql.execute(
        """
        UPDATE contracts_position
        SET take_profit = %s, stop_loss = %s, protected_at = clock_timestamp(),
            lower_trigger = %s, upper_trigger = %s
        WHERE id = %s
        """,
        [take_profit, stop_loss, lower, upper, position_id],
    )
    publish.after_commit([client_id], [POSITIONS])
