"""The four calls."""

import re
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest

from common.order_numbers import DEPOSIT, PLEDGE
from payments.models import PaymentOrder
from payments.tests.conftest import Payer, assert_books_agree, confirm, status

pytestmark = pytest.mark.django_db

HASH = "0x" + "ab" * 32


def test_deposit_from_order_to_balance(payer: Payer, settings) -> None:
    api = payer.api()
    answer = api.post("/api/v1/index/recharge/order", {"amount": "10.5"}, format="json").json()
    order = PaymentOrder.objects.get()
    assert answer == {
        "code": 200,
        "message": "Order prepared",
        "data": {
            "no": order.no,
            "amount": "10.500000",
            "address": settings.CHAIN_RECEIVING_ADDRESS,
            "token": settings.CHAIN_TOKEN_ADDRESS,
            "chain_id": 31337,
            "expired_at": int(order.expires_at.timestamp()),
        },
    }
    assert re.fullmatch(r"ZHCZ\d{15}", order.no)
    assert (order.expires_at - order.created_at).total_seconds() == 1800
    tx_hash = payer.pay("10.5")
    submitted = api.post("/api/v1/index/recharge", {"no": order.no, "id": tx_hash}, format="json")
    assert submitted.json() == {"code": 200, "message": "Submitted"}
    assert status(order) == (1, "")
    confirm()
    assert status(order) == (2, "")
    assert payer.balance == Decimal("10.5")
    assert_books_agree()


def test_pledge_orders_have_their_own_numbers(payer: Payer) -> None:
    answer = payer.api().post("/api/v1/market/pledge/order", {"amount": "10"}, format="json").json()
    assert answer["data"]["no"].startswith("ZSZY")
    submitted = payer.api().post("/api/v1/market/pledge", {"no": answer["data"]["no"], "id": HASH}, format="json")
    assert submitted.json()["code"] == 200


def test_digits_mean_the_calls_own_prefix(payer: Payer) -> None:
    deposit = payer.order("5")
    pledge = PaymentOrder.objects.create(
        no=PLEDGE + deposit.no.removeprefix(DEPOSIT),
        client=payer.client,
        purpose=PLEDGE,
        amount=20,
        created_at=deposit.created_at,
        expires_at=deposit.expires_at,
        reason="",
    )
    digits = int(deposit.no.removeprefix(DEPOSIT))
    assert payer.api().post("/api/v1/market/pledge", {"no": digits, "id": HASH}, format="json").json()["code"] == 200
    assert status(pledge) == (1, "")
    assert status(deposit) == (0, "")
    assert payer.api().post("/api/v1/index/recharge", {"no": pledge.no, "id": HASH}).json()["reason"] == "not_found"


def test_another_clients_order_is_not_found(new_payer: Callable[[], Payer]) -> None:
    owner, stranger = new_payer(), new_payer()
    order = owner.order("5")
    for no in (order.no, "ZHCZ000000000000000", "x", "１２"):
        answer = stranger.api().post("/api/v1/index/recharge", {"no": no, "id": HASH}, format="json")
        assert (answer.status_code, answer.json()["reason"]) == (400, "not_found")
        assert list(answer.json()["errors"]) == ["no"]
    assert status(order) == (0, "")


@pytest.mark.parametrize("tx_hash", ["", "0x12", HASH[2:], HASH + "0", "0x" + "g" * 64, 7, None, [HASH], " " + HASH])
def test_hashes_that_are_none(payer: Payer, tx_hash: object) -> None:
    order = payer.order("5")
    answer = payer.api().post("/api/v1/index/recharge", {"no": order.no, "id": tx_hash}, format="json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["id"])
    assert status(order) == (0, "")


@pytest.mark.parametrize("amount", ["0", "-1", "1e3", "NaN", "１", "1.0000001", "", None, True, [], "0.999999"])
def test_amounts_that_are_refused(payer: Payer, amount: object) -> None:
    answer = payer.api().post("/api/v1/index/recharge/order", {"amount": amount}, format="json")
    assert (answer.status_code, answer.json()["code"], list(answer.json()["errors"])) == (400, 400, ["amount"])
    assert not PaymentOrder.objects.exists()


def test_a_pledge_is_at_least_ten(payer: Payer) -> None:
    answer = payer.api().post("/api/v1/market/pledge/order", {"amount": "9.999999"}, format="json").json()
    assert answer["reason"] == "below_minimum"
    assert answer["errors"] == {"amount": ["The amount must be at least 10 USDT."]}
    assert not PaymentOrder.objects.exists()


def test_visitors_are_refused(payer: Payer, client) -> None:
    for path in ("index/recharge/order", "index/recharge", "market/pledge/order", "market/pledge"):
        assert client.post(f"/api/v1/{path}").status_code == 401


def test_a_repeated_key_prepares_one_order(payer: Payer) -> None:
    api, headers = payer.api(), {"idempotency-key": uuid.uuid4().hex}
    first = api.post("/api/v1/index/recharge/order", {"amount": "7"}, format="json", headers=headers)
    again = api.post("/api/v1/index/recharge/order", {"amount": "7"}, format="json", headers=headers)
    other = api.post("/api/v1/index/recharge/order", {"amount": "8"}, format="json", headers=headers)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["reason"]) == (400, "idempotency_conflict")
    assert PaymentOrder.objects.count() == 1


def test_a_kept_refusal_is_replayed(payer: Payer) -> None:
    order = payer.order("5")
    PaymentOrder.objects.update(status=3, reason="expired", finished_at=order.expires_at)
    headers = {"idempotency-key": "once"}
    for _ in range(2):
        answer = payer.api().post("/api/v1/index/recharge", {"no": order.no, "id": HASH}, headers=headers)
        assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (200, 500, "order_expired")
