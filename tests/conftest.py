"""The platform as a client meets it: an exchange whose prices the test says, and clients who signed in."""

from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.authentication import authenticate_token
from accounts.tests.wallets import Wallet
from common import public_ids
from contracts.models import Position
from contracts.tests.desk import Desk

ROOT = "/api/v1/"


@dataclass
class Trader:
    """A client with a wallet and a token. `id` is its database id."""

    wallet: Wallet
    id: int
    token: str

    def api(self, **headers: str) -> APIClient:
        return APIClient(headers={"authorization": f"Bearer {self.token}", **headers})

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        body: dict[str, Any] = self.api(**headers).get(ROOT + path, query).json()
        return body

    def post(self, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.api(**headers).post(ROOT + path, body, format="json").json()
        return answer


def open_desk() -> Desk:
    """An exchange with the document's index at the document's price."""
    return Desk("2803.371", code="sokemain", title="主流指数", sub_title="SOKE-MAIN")


def new_trader(desk: Desk, balance: str = "10000") -> Trader:
    """A wallet that signed in over the API, with USDT on its index account."""
    api, wallet = APIClient(), Wallet()
    nonce = api.post(ROOT + "auth/nonce", {"address": wallet.address}, format="json").json()["data"]
    signed = {"address": wallet.address, "signature": wallet.sign(nonce["message"])}
    token = api.post(ROOT + "auth/token", signed, format="json").json()["data"]["access_token"]
    client, _claims = authenticate_token(token)
    desk.credit(client.id, balance)
    return Trader(wallet, client.id, token)


def order_form(desk: Desk, **fields: Any) -> dict[str, Any]:
    """A good market order, but for the fields said."""
    usual = {"id": public_ids.encode(desk.index.id), "direction": "buy", "price_type": "market", "volume": 10}
    return {**usual, **fields}


def opened(desk: Desk, trader: Trader, direction: int = 1, volume: int = 10) -> Position:
    """A position of the trader, filled at the document's price."""
    position = desk.trade(trader.id, direction, volume, "2803.371")
    assert position is not None
    return position


@pytest.fixture
def desk(db: None) -> Desk:
    return open_desk()


@pytest.fixture
def trader(desk: Desk) -> Trader:
    return new_trader(desk)
