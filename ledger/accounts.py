"""Account ids are computed, so that nobody has to look one up.

A client's accounts are client × 8 + kind, `available` first; the platform's come after every client's, so that
locking by id is locking in the order the ledger asks for.
"""

from enum import IntEnum

PLATFORM_BASE = 2**62


class ClientAccount(IntEnum):
    """What a client owns."""

    AVAILABLE = 0
    MARGIN = 1
    ORDER_HOLD = 2
    WITHDRAWAL_HOLD = 3
    PLEDGE = 4
    FUND_PRINCIPAL = 5


class PlatformAccount(IntEnum):
    """What the platform holds; the values are account ids."""

    CUSTODY = PLATFORM_BASE
    POOL_RESULT = PLATFORM_BASE + 1
    SETTLEMENT_DUE = PLATFORM_BASE + 2
    INCENTIVE_POOL = PLATFORM_BASE + 3
    FEE_REVENUE = PLATFORM_BASE + 4
    UNMATCHED = PLATFORM_BASE + 5
    FUND_RESERVE = PLATFORM_BASE + 6


def account_id(client_id: int, kind: ClientAccount) -> int:
    """The id of a client's account."""
    return client_id * 8 + kind


def available(client_id: int) -> int:
    return account_id(client_id, ClientAccount.AVAILABLE)


def margin(client_id: int) -> int:
    return account_id(client_id, ClientAccount.MARGIN)


def order_hold(client_id: int) -> int:
    return account_id(client_id, ClientAccount.ORDER_HOLD)


def withdrawal_hold(client_id: int) -> int:
    return account_id(client_id, ClientAccount.WITHDRAWAL_HOLD)


def pledge(client_id: int) -> int:
    return account_id(client_id, ClientAccount.PLEDGE)


def fund_principal(client_id: int) -> int:
    return account_id(client_id, ClientAccount.FUND_PRINCIPAL)


def account_name(account: int) -> str:
    """The account as people read it: `available of client 7`, `custody`."""
    if account >= PLATFORM_BASE:
        return PlatformAccount(account).name.lower()
    return f"{ClientAccount(account % 8).name.lower()} of client {account // 8}"
