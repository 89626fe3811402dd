"""Clients of a running platform who trade without a pause, and repeat what got no answer."""

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
from django.test import override_settings

from backoffice.tour.session import Session
from chain import development
from common import public_ids
from tests.e2e.running import Platform

PACE = 0.12  # seconds between two requests of a client
# A request is repeated for so long until it has an answer.
PATIENCE = 60.0
# What those may run into who trade without looking.
EXPECTED = {
    *("insufficient_balance", "stale", "closing", "close_waiting", "order_not_pending", "not_found"),
    *("order_not_cancellable", "too_many_orders"),
}


class Trader:
    """One client with a wallet of the development chain and a token."""

    def __init__(self, platform: Platform, number: int) -> None:
        self.platform = platform
        self.session = Session(platform.stack.url, development.wallet(number), lambda _line: None)
        self.session.sign_in()
        self.id = platform.value("SELECT id FROM accounts_client WHERE address = %s", self.session.wallet.address)
        self.accepted: list[int] = []
        self.repeated = 0
        self.refusals: Counter[str] = Counter()
        self.error: Exception | None = None
        self._chance = random.Random(number)
        self._limits: list[int] = []
        self._http = httpx.Client(
            base_url=f"{platform.stack.url}/api/v1/",
            timeout=10,
            headers={"Authorization": f"Bearer {self.session.token}"},
        )

    def deposit(self, amount: str) -> str:
        """Orders, pays on chain and claims; the order's number."""
        prepared = self.session.call("POST", "index/recharge/order", amount=amount)["data"]
        with override_settings(CHAIN_RPC_URL=self.platform.chain_url):
            tx_hash = self.session.pay(prepared)
        self.session.call("POST", "index/recharge", no=prepared["no"], id=tx_hash)
        return str(prepared["no"])

    def available(self) -> Decimal:
        found: Decimal = self.platform.value("SELECT balance FROM ledger_account WHERE id = %s", self.id * 8)
        return found

    def get(self, path: str) -> Any:
        """The answer's data, None where there is none."""
        try:
            answer = self._http.get(path)
            return answer.json()["data"] if answer.status_code == 200 else None
        except (httpx.TransportError, ValueError):
            return None

    def post(self, path: str, key: str | None = None, **data: Any) -> dict[str, Any]:
        """The final answer to a request, repeated under one Idempotency-Key until there is one."""
        key = key or secrets.token_hex(8)
        deadline = time.monotonic() + PATIENCE
        problem = ""
        while time.monotonic() < deadline:
            try:
                answer = self._http.post(path, json=data, headers={"Idempotency-Key": key})
                # An unforeseen error promises nothing: the request may have been carried out or not.
                if answer.status_code != 500:
                    return dict(answer.json())
                problem = "HTTP 500"
            except httpx.TransportError as error:
                problem = repr(error)
            self.repeated += 1
            time.sleep(0.2)
        raise AssertionError(f"{path} {data}: no answer in {PATIENCE:g} s, the last time {problem}")

    def trade(self, stopping: threading.Event) -> None:
        """Orders, cancels and closes, as they come, until it is told to stop."""
        try:
            while not stopping.wait(PACE):
                self._act()
        except Exception as error:
            self.error = error

    def _act(self) -> None:
        kind = self._chance.random()
        if kind < 0.4:
            self._order("market")
        elif kind < 0.6:
            self._order("limit")
        elif kind < 0.75 and self._limits:
            self._expect(self.post("contract/order/cancel", id=self._limits.pop(0)))
        elif positions := self.get("contract/positions"):
            position = self._chance.choice(positions)
            self._accept(self.post("contract/position/close", id=position["id"]))

    def _order(self, price_type: str) -> None:
        indexes = self.get("contract/indexes")
        if not indexes:
            return
        index = self._chance.choice(indexes)
        fields = {
            "id": index["id"],
            "direction": self._chance.choice(("buy", "sell")),
            "price_type": price_type,
            "volume": self._chance.randint(1, 40),
        }
        if price_type == "limit":
            market = self.get(f"contract/index/market?id={index['id']}")
            if market is None:
                return
            # Around the last price: some fill, some wait to be cancelled.
            away = Decimal(self._chance.randint(-20, 20)) / 10_000
            fields["price"] = str(round(Decimal(market["last_price"]) * (1 + away), index["decimals"]))
        placed = self._accept(self.post("contract/order/create", **fields))
        if placed is not None and price_type == "limit":
            self._limits.append(placed)

    def _accept(self, answer: dict[str, Any]) -> int | None:
        """Notes an order that was accepted; its public id."""
        self._expect(answer)
        if answer["code"] != 200:
            return None
        public_id: int = answer["data"]["id"]
        self.accepted.append(public_ids.decode(public_id))
        return public_id

    def _expect(self, answer: dict[str, Any]) -> None:
        """Counts a refusal; fails on one that has no place here, such as a sign-in that was forgotten."""
        if answer["code"] != 200:
            assert answer["reason"] in EXPECTED, answer
            self.refusals[answer["reason"]] += 1


@contextmanager
def traffic(traders: list[Trader]) -> Iterator[None]:
    """All of them trade at once; an error of any of them is raised at the end, before any other."""
    stopping = threading.Event()
    threads = [threading.Thread(target=trader.trade, args=[stopping]) for trader in traders]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        for trader in traders:
            if trader.error is not None:
                raise trader.error
