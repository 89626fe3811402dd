"""Which order a payment pays, and what becomes of a claim. Times are moments that can be compared."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from common.money import ceil


class OpenOrder(Protocol):
    """An order that is not finished; `tx_hash` is None until a transaction was claimed."""

    id: int
    tx_hash: str | None
    expires_at: Any


Found = TypeVar("Found", bound=OpenOrder)


def fitting(orders: Sequence[Found], tx_hash: str, paid_at: Any, seen_for: int | None = None) -> list[Found]:
    """The orders that a payment in time may pay: the oldest that claimed its transaction, else, unpaid, the one it was
    seen for (its id), else every unpaid one.

    `orders` are the payer's open ones of the payment's amount, oldest first; `paid_at` is its block's time.
    """
    in_time = [order for order in orders if paid_at <= order.expires_at]
    claimed = [order for order in in_time if order.tx_hash == tx_hash]
    unpaid = [order for order in in_time if order.tx_hash is None]
    return claimed[:1] or [order for order in unpaid if order.id == seen_for] or unpaid


def refuse_claim(
    *, amount: Decimal, expires_at: Any, own: Sequence[tuple[Decimal, Any]], others: bool, succeeded: bool
) -> str:
    """The reason why a transaction, deep on chain and booked, did not pay the order that claimed it.

    `own` are (amount, block time) of its transfers from the client's wallet to the platform; `others`: somebody
    else's are in it; `succeeded`: it was not reverted.
    """
    fits = [paid_at for paid, paid_at in own if paid == amount]
    if fits:
        return "already_used" if any(paid_at <= expires_at for paid_at in fits) else "paid_late"
    if own:
        return "wrong_amount"
    if others:
        return "not_your_payment"
    return "no_transfer" if succeeded else "transaction_failed"


def bid(base: int, tip: int, highest: int) -> tuple[int, int]:
    """(highest fee, tip) for a unit of gas, in wei: room for the base fee to double, never above `highest`."""
    most = min(2 * base + tip, highest)
    return most, min(tip, most)


def higher_bid(base: int, tip: int, last_fee: int, last_tip: int, bump: Decimal, highest: int) -> tuple[int, int]:
    """A bid that replaces the last one: both parts at least `bump` above it, rounded up, and what gas costs now.

    Nodes refuse a replacement that raises either part by less than a tenth. At `highest` it may be refused; then
    operators decide.
    """
    raised_fee, raised_tip = (int(ceil(last * (1 + bump), Decimal(1))) for last in (last_fee, last_tip))
    most = min(max(2 * base + tip, raised_fee), highest)
    return most, min(max(tip, raised_tip), most)
