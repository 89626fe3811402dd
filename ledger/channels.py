"""What the ledger pushes: a client's own balances."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from common.money import format_money
from common.sockets import registry
from ledger import queries
from ledger.accounts import ClientAccount

BALANCE = "balance"


class BalanceChannel:
    """`balance`: USDT by kind of account. Whoever moves a client's money tells the hubs after the commit."""

    name = BALANCE
    follows_ticks = False

    def load(self, client_id: int) -> dict[ClientAccount, Decimal]:
        return queries.client_balances(client_id)

    def render(self, state: dict[ClientAccount, Decimal], prices: Mapping[int, Decimal]) -> dict[str, str]:
        return {kind.name.lower(): format_money(amount) for kind, amount in state.items()}

    def touched(self, state: dict[ClientAccount, Decimal], changed: Collection[int]) -> bool:
        return False


def register() -> None:
    registry.private(BalanceChannel())
