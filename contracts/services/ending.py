"""Ending orders that were not executed: cancelled by their client, or refused for want of a price."""

from collections.abc import Sequence

from django.db import transaction

from common import sql
from common.errors import not_found
from common.sockets import publish
from contracts import rules
from contracts.channels import ENDED_ORDERS, ORDERS
from contracts.errors import refused
from contracts.models import Order
from ledger import accounts
from ledger.channels import BALANCE
from ledger.services import Kind, Posting, lock, post
from operations import halts


@transaction.atomic
def cancel_order(*, client_id: int, order_id: int) -> None:
    """Cancels a waiting limit order and returns its hold.

    Raises Invalid (`not_found`) and Refused (`order_not_pending`, `halted`, `order_not_cancellable`).
    """
    lock([accounts.available(client_id)])
    order = Order.objects.select_for_update(of=("self",)).filter(id=order_id, client_id=client_id).first()
    if order is None:
        raise not_found()
    if order.status != Order.Status.PENDING:
        raise refused("order_not_pending")
    if halts.is_halted(halts.Kind.ALL, order.index_id):
        raise refused("halted")
    if order.price_type != Order.PriceType.LIMIT:
        raise refused("order_not_cancellable")
    end_orders([(order.id, client_id, order.hold)], Order.Status.CANCELLED, "")


def cancel_waiting_orders(client_id: int) -> None:
    """Cancels whatever of a client waits to open something, at the market price too; closes go on, they only reduce.

    For bans: in their transaction, under the client's `available` lock.
    """
    waiting = sql.rows(
        """
        SELECT id, client_id, hold FROM contracts_order
        WHERE client_id = %s AND status = 'pending' AND kind = 'open' ORDER BY id FOR UPDATE
        """,
        [client_id],
    )
    if waiting:
        end_orders(waiting, Order.Status.CANCELLED, "banned")


def expire_orders(limit: int = 500) -> int:
    """Refuses orders at the market price that met no tick in 10 s; the number refused. The row's status decides
    between this and the engine."""
    overdue = sql.rows(
        """
        SELECT id, client_id FROM contracts_order
        WHERE status = 'pending' AND price_type = 'market'
            AND created_at < clock_timestamp() - make_interval(secs => %s)
        ORDER BY id LIMIT %s
        """,
        [rules.NO_PRICE_SECONDS, limit],
    )
    if not overdue:
        return 0
    with transaction.atomic():
        lock(accounts.available(client) for _id, client in overdue)
        waiting = sql.rows(
            """
            SELECT id, client_id, hold FROM contracts_order
            WHERE id = ANY (%s) AND status = 'pending' ORDER BY id FOR UPDATE
            """,
            [[order for order, _client in overdue]],
        )
        end_orders(waiting, Order.Status.REFUSED, "no_price")
    return len(waiting)


def end_orders(orders: Sequence[tuple], status: str, reason: str) -> None:
    """Ends locked, pending orders, given as (id, client id, hold), and returns their holds."""
    publish.after_commit({client for _order, client, _hold in orders}, [ORDERS, ENDED_ORDERS, BALANCE])
    post(
        Posting(accounts.order_hold(client), accounts.available(client), hold, Kind.RELEASE, f"order:{order}")
        for order, client, hold in orders
    )
    sql.execute(
        """
        UPDATE contracts_order
        SET status = %s, reason = %s, hold = 0, fee = 0, finished_at = clock_timestamp()
        WHERE id = ANY (%s)
        """,
        [status, reason, [order for order, _client, _hold in orders]],
    )
