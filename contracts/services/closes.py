"""Asking for a position to be closed: an order too, executed at the next tick that is later than it."""

from django.db import IntegrityError, transaction

from common import sql
from common.errors import not_found
from common.sockets import publish
from contracts.channels import ORDERS
from contracts.errors import refused
from operations import halts


def close_position(*, client_id: int, position_id: int, volume: int | None = None) -> tuple[int, int]:
    """Accepts a close of a part, or, without a volume, of what is there when it executes.

    Returns the closing order's id and its volume. Raises Invalid (`not_found`) and Refused (`halted`, `closing`,
    `stale`, `close_waiting`, `close_volume`).
    """
    try:
        with transaction.atomic():
            return _close(client_id, position_id, volume)
    except IntegrityError as error:
        if "contracts_order_one_close" in str(error):
            raise refused("close_waiting") from error
        raise


def _close(client_id: int, position_id: int, volume: int | None) -> tuple[int, int]:
    locked = sql.row(
        "SELECT 1 FROM contracts_position WHERE id = %s AND client_id = %s AND closed_at IS NULL FOR NO KEY UPDATE",
        [position_id, client_id],
    )
    if locked is None:
        raise not_found()
    found = sql.row(
        """
        SELECT p.index_id, p.direction, p.volume, p.lever, p.mark,
            coalesce(s.stale OR s.ticked_at < extract(epoch FROM clock_timestamp()) - 10, true)
        FROM contracts_position AS p LEFT JOIN indexes_indexstate AS s ON s.index_id = p.index_id
        WHERE p.id = %s
        """,
        [position_id],
    )
    assert found is not None
    index_id, direction, held, lever, mark, stale = found
    if halts.is_halted(halts.Kind.ALL, index_id):
        raise refused("halted")
    if mark:
        raise refused("closing")
    if stale:
        raise refused("stale")
    if volume is not None and volume > held:
        raise refused("close_volume")
    placed = sql.row(
        """
        INSERT INTO contracts_order
            (client_id, index_id, position_id, kind, direction, price_type, lever, volume, whole)
        VALUES (%s, %s, %s, 'close', %s, 'market', %s, %s, %s) RETURNING id
        """,
        [client_id, index_id, position_id, direction, lever, volume or held, volume is None],
    )
    assert placed is not None
    publish.after_commit([client_id], [ORDERS])
    return placed[0], volume or held
