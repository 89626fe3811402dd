"""What a client reads of its money: withdraw, payments, withdrawals, statement, config."""

import pytest
from rest_framework.test import APIClient

from chain import development
from payments import services
from payments.models import Payout
from payments.tests.conftest import Payer, confirm

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/index/"


def test_a_withdrawal_over_the_api(payer: Payer) -> None:
    payer.pay("900")
    confirm()
    api = payer.api()
    asked = api.post(ROOT + "withdraw", {"amount": "50"}, format="json", headers={"idempotency-key": "1"}).json()
    data = asked["data"]
    assert (asked["message"], data["amount"], data["fee"], data["arrival"]) == (
        *("Submitted", "50.000000"),
        *("1.000000", "49.000000"),
    )
    again = api.post(ROOT + "withdraw", {"amount": "50"}, format="json", headers={"idempotency-key": "1"}).json()
    assert again == asked
    assert payer.balance == 850
    for amount, code, reason in (("9", 400, "below_minimum"), ("851", 500, "insufficient_balance")):
        refused = api.post(ROOT + "withdraw", {"amount": amount}, format="json").json()
        assert (refused["code"], refused["reason"]) == (code, reason)
    services.approve_automatically()
    services.pay()
    [row] = api.get(ROOT + "withdrawals", {"no": data["no"]}).json()["data"]
    assert (row["status"], row["tx_hash"], row["address"]) == (
        *("sent", Payout.objects.get().tx_hash),
        payer.wallet.address,
    )
    assert api.get(ROOT + "withdrawals", {"no": "ZHTX000000000000000"}).json()["data"] == []
    development.mine(2)
    services.track()
    [row] = api.get(ROOT + "withdrawals").json()["data"]
    assert (row["status"], row["purpose"]) == ("confirmed", "withdrawal")
    statement = api.get(ROOT + "statement").json()
    assert statement["data"]["balances"]["available"] == "850.000000"
    moved = [(m["kind"], m["amount"], m["debit"], m["credit"]) for m in statement["data"]["movements"]]
    assert moved == [
        ("withdrawal_fee", "1.000000", "withdrawal_hold", None),
        ("withdrawal", "49.000000", "withdrawal_hold", None),
        ("withdrawal_hold", "50.000000", "available", "withdrawal_hold"),
        ("deposit", "900.000000", None, "available"),
    ]
    assert statement["page"]["total"] == 4


def test_payments_by_number_and_only_ones_own(payer: Payer, new_payer) -> None:
    order, other = payer.order("10"), payer.order("20")
    api = payer.api()
    assert [row["no"] for row in api.get(ROOT + "payments").json()["data"]] == [other.no, order.no]
    [row] = api.get(ROOT + "payments", {"no": order.no}).json()["data"]
    assert (row["status"], row["purpose"], row["amount"]) == (0, "deposit", "10.000000")
    for no in ("x", "\0", order.no + "0"):
        assert api.get(ROOT + "payments", {"no": no}).json()["data"] == []
    assert new_payer().api().get(ROOT + "payments", {"no": order.no}).json()["data"] == []


def test_a_statement_as_csv(payer: Payer) -> None:
    payer.pay("900")
    confirm()
    answer = payer.api().get(ROOT + "statement", {"format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0] == "\ufeffid,kind,amount,debit,credit,reference,created_at"
    assert lines[1].split(",")[1:5] == ["deposit", "900.000000", "", "available"]


def test_config(payer: Payer, settings) -> None:
    data = APIClient().get(ROOT + "config").json()["data"]
    assert data["address"] == settings.CHAIN_RECEIVING_ADDRESS
    assert (data["chain_id"], data["confirmations"], data["minimum_withdrawal"]) == (31337, 2, "10.000000")
