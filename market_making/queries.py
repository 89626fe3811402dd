"""What reads the pool."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from common import sql
from common.money import ZERO
from common.reconciliation import Difference, compare
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.queries import totals_by_client


@dataclass(frozen=True)
class PoolFigures:
    """E and R in USDT, K in units."""

    equity: Decimal
    reserved: Decimal
    units: Decimal


def figures() -> PoolFigures:
    """The pool as it stands, without a lock."""
    found = sql.row(
        """
        SELECT a.balance - a.floor, p.reserved, p.units
        FROM market_making_pool AS p, ledger_account AS a WHERE p.id = 1 AND a.id = %s
        """,
        [int(PlatformAccount.POOL_RESULT)],
    )
    assert found is not None
    return PoolFigures(*found)


def open_volumes() -> dict[int, int]:
    """{index id: open contracts, both directions}."""
    return dict(sql.rows("SELECT index_id, sum(volume)::bigint FROM market_making_exposure GROUP BY index_id"))


def differences() -> Iterator[Difference]:
    """Pledges against the ledger, units against the pool, reserved against the exposures, E ≥ R."""
    pledged = dict(
        sql.rows("SELECT client_id, sum(principal) FROM market_making_pledge WHERE principal > 0 GROUP BY client_id")
    )
    held = totals_by_client(ClientAccount.PLEDGE)
    for client in sorted(pledged.keys() | held.keys()):
        yield from compare(
            "market pool", f"pledges of client {client}", pledged.get(client, ZERO), held.get(client, ZERO)
        )
    found = sql.row(
        """
        SELECT p.units, p.reserved,
            (SELECT coalesce(sum(units), 0) FROM market_making_pledge),
            (SELECT coalesce(sum(bound), 0) FROM market_making_exposure)
        FROM market_making_pool AS p WHERE p.id = 1
        """
    )
    assert found is not None
    units, reserved, bought, bounds = found
    yield from compare("market pool", "units", bought, units)
    yield from compare("market pool", "reserved", bounds, reserved)
    if figures().equity < reserved:
        yield Difference("market pool", f"equity {figures().equity} below reserved {reserved}")
