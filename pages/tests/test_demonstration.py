"""The demonstration wallet's path does what signing in and paying take, for the free accounts, and nothing else."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from chain.development import deploy_token, transfer_call, wait_until_mined, wallet
from chain.node import node
from chain.signatures import personal_digest, recover
from pages import demonstration


def ask(method: str, *params: Any, **extra: Any) -> dict[str, Any]:
    call = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    answer: dict[str, Any] = Client().post("/demonstration/rpc", call, content_type="application/json", **extra).json()
    assert answer["id"] == 7
    return answer


def refusal(method: str, *params: Any) -> int:
    answer = ask(method, *params)
    assert "result" not in answer
    return int(answer["error"]["code"])


@pytest.fixture
def payment() -> dict[str, str]:
    """A payment of 1 USDT by account 5 to the platform."""
    data = "0x" + transfer_call(wallet(1).address, Decimal(1)).hex()
    return {"from": wallet(5).address, "to": deploy_token(), "data": data}


def test_it_signs_for_a_free_account() -> None:
    signature = ask("personal_sign", "0x68656c6c6f", wallet(3).address.lower())["result"]
    assert recover(personal_digest("hello"), signature) == wallet(3).address


def test_it_pays_in_the_token(payment: dict[str, str]) -> None:
    before = node().balance_of(payment["to"], payment["from"])
    assert ask("eth_sendTransaction", payment)["result"].startswith("0x")
    wait_until_mined()
    assert node().balance_of(payment["to"], payment["from"]) == before - 1


def test_it_reads_the_tokens_balances_and_no_other_contract(payment: dict[str, str]) -> None:
    asked = {"to": payment["to"], "data": "0x70a08231" + payment["from"][2:].lower().rjust(64, "0")}
    assert int(ask("eth_call", asked, "latest")["result"], 16) > 0
    assert refusal("eth_call", {**asked, "to": wallet(4).address}, "latest") == 4100
    assert refusal("eth_call", {**asked, "data": "nonsense"}, "latest") == -32603
    assert refusal("eth_call") == 4100


def test_the_platforms_own_accounts_are_not_free(payment: dict[str, str]) -> None:
    before = node().balance_of(payment["to"], wallet(2).address)
    for index in (0, 1, 2):
        assert refusal("personal_sign", "0x68656c6c6f", wallet(index).address) == 4100
        assert refusal("eth_sendTransaction", {**payment, "from": wallet(index).address}) == 4100
    assert node().balance_of(payment["to"], wallet(2).address) == before


def test_it_calls_the_token_and_nothing_else(payment: dict[str, str]) -> None:
    assert refusal("eth_sendTransaction", {**payment, "to": wallet(4).address}) == 4100
    assert refusal("eth_sendTransaction", {**payment, "value": "0x1"}) == -32600
    assert refusal("eth_sendTransaction", {**payment, "data": 7}) == -32600
    assert refusal("eth_sendTransaction") == -32600
    assert refusal("eth_sendTransaction", payment, "latest") == -32600


@pytest.mark.parametrize(
    "method", ["anvil_setBalance", "eth_sign", "evm_mine", "eth_sendRawTransaction", "", "__class__"]
)
def test_other_methods_are_refused(method: str) -> None:
    assert refusal(method) == -32601


@pytest.mark.parametrize(
    "body", ["", "[]", "7", "{", '{"method":7}', '{"method":"eth_chainId","params":{}}', '{"id":[]}']
)
def test_garbage_is_refused(body: str) -> None:
    answer = Client().post("/demonstration/rpc", body, content_type="application/json").json()
    assert answer["error"]["code"] in (-32600, -32601)


def test_a_form_of_a_foreign_page_is_refused() -> None:
    body = '{"id":1,"method":"personal_sign","params":[]}'
    answer = Client().post("/demonstration/rpc", body, content_type="text/plain").json()
    assert answer["error"]["code"] == -32600


def test_it_exists_on_the_development_chain_alone(settings) -> None:
    settings.DEMONSTRATION_WALLET = False
    assert demonstration.addresses() == []
    body = {"id": 1, "method": "eth_chainId", "params": []}
    assert Client().post("/demonstration/rpc", body, content_type="application/json").status_code == 404
