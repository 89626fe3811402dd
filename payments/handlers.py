"""What a payment does, by the prefix of the order it pays. Higher rooms sign up in their `apps.py`."""

from abc import abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from common import order_numbers

# The word that begins a payment's reference in the ledger.
PURPOSES = {order_numbers.DEPOSIT: "deposit", order_numbers.PLEDGE: "pledge", order_numbers.FUND: "fund"}


@dataclass(frozen=True, slots=True)
class ConfirmedPayment:
    """A transfer deep enough on chain, and the order `no` that it pays.

    `amount` is USDT; `reference` is `<purpose>:<chain>:<tx>:<log>`, unique for the log.
    """

    client_id: int
    no: str
    amount: Decimal
    reference: str


class Later(Exception):
    """The payment cannot be carried out at the moment; the next sweep tries again. Nothing is written."""


class PaymentHandler(Protocol):
    """What an order's purpose does with its money, each in the transaction that changes the payment, while the
    client's available account and the payment order are locked."""

    def on_seen(self, no: str) -> None:
        """A payment of order `no` stands in a block, not deep yet; comes before `on_confirmed`, once unless it failed.

        May raise common.errors.Refused: the order fails at once, and the money, once it is deep, goes to the client's
        index account.
        """
        return

    def on_failed(self, no: str) -> None:
        """The payment that was seen will not carry out order `no`: its block was replaced, it pays another order
        after all, or `on_confirmed` refused it. May come again."""
        return

    @abstractmethod
    def on_confirmed(self, payment: ConfirmedPayment) -> None:
        """Takes `amount` out of custody under `reference`.

        May raise Later, or common.errors.Refused: then the money goes to the client's index account and the order
        fails with the refusal's reason.
        """


_handlers: dict[str, PaymentHandler] = {}


def register(prefix: str, handler: PaymentHandler) -> None:
    """Signs up for the orders whose numbers begin with `prefix`."""
    _handlers[prefix] = handler


def handler(prefix: str) -> PaymentHandler:
    return _handlers[prefix]
