"""Payers with real wallets on the real chain. Each test has a receiving address of its own, empty at first."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Client
from accounts.services import open_client
from chain import development
from chain.development import Wallet
from chain.node import Node, node
from common import reconciliation
from common.order_numbers import DEPOSIT
from ledger.accounts import PlatformAccount, available
from ledger.queries import balance
from payments import services
from payments.models import ChainTransfer, PaymentOrder


@dataclass
class Payer:
    wallet: Wallet
    client: Client
    receiving: str

    @property
    def balance(self) -> Decimal | int:
        return balance(available(self.client.id))

    def order(self, amount: str, purpose: str = DEPOSIT) -> PaymentOrder:
        return services.create_order(client_id=self.client.id, purpose=purpose, amount=Decimal(amount))

    def pay(self, amount: str, token: str | None = None) -> str:
        """Sends USDT to the platform; the transaction's hash."""
        return development.send_transfer(self.wallet.key, self.receiving, Decimal(amount), token)

    def claim(self, order: PaymentOrder, tx_hash: str) -> PaymentOrder:
        return services.claim(client_id=self.client.id, purpose=order.purpose, no=order.no, tx_hash=tx_hash)

    def api(self) -> APIClient:
        token = tokens.issue(self.client.id).access_token
        return APIClient(headers={"authorization": f"Bearer {token}", "accept-language": "en"})


@pytest.fixture(scope="session")
def token() -> str:
    return development.deploy_token()


@pytest.fixture
def chain(token: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Node:
    """The node, with nothing paid to the platform yet. The receiving address is the hot wallet, with coins for gas."""
    hot = development.fresh_wallet()
    settings.CHAIN_RECEIVING_ADDRESS = settings.CHAIN_HOT_WALLET_ADDRESS = hot.address
    monkeypatch.setenv("SOKE_HOT_WALLET_KEY", hot.key)
    settings.CHAIN_START_BLOCK = node().head().number + 1
    return node()


@pytest.fixture
def new_payer(chain: Node, settings: Any) -> Callable[[], Payer]:
    def make() -> Payer:
        wallet = development.fresh_wallet(Decimal(1000))
        return Payer(wallet, open_client(address=wallet.address), settings.CHAIN_RECEIVING_ADDRESS)

    return make


@pytest.fixture
def payer(new_payer: Callable[[], Payer]) -> Payer:
    return new_payer()


def sweep() -> int:
    """What the scheduled job does; the number of transfers booked."""
    services.scan()
    return services.settle()


def confirm() -> int:
    """Lets the chain grow until everything is deep enough, then sweeps."""
    development.mine(2)
    return sweep()


def status(order: PaymentOrder) -> tuple[int, str]:
    order.refresh_from_db()
    return order.status, order.reason


def transfers() -> list[str]:
    """The status of every transfer that was found, in the order of the chain."""
    return list(ChainTransfer.objects.order_by("block_number", "log_index").values_list("status", flat=True))


def custody() -> Decimal | int:
    return balance(PlatformAccount.CUSTODY)


def assert_books_agree() -> None:
    """The checks of this room and of those below it."""
    checks = reconciliation.checks()
    found = [difference for name in ("ledger", "payments", "chain holdings") for difference in checks[name]()]
    assert [difference for difference in found if not difference.warning] == []
