"""The node on a real chain: blocks, logs, balances, contract signatures."""

from dataclasses import astuple
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from eth_abi.abi import encode

from chain import development
from chain.node import TRANSFER_TOPIC, Node, normalise_hash
from chain.signatures import normalise_address, personal_digest

# Emits LOG3 with the three topics and the word of data that the caller names.
LOOK_ALIKE = "6020606060003760403560203560003560206000a300"


def deploy_runtime(key: str, runtime: str) -> str:
    code = bytes.fromhex(runtime)
    return development.deploy_code(key, bytes.fromhex("60{0:02x}600c60003960{0:02x}6000f3".format(len(code))) + code)


def received(chain: Node, to: str, token: str, since: int) -> list[tuple[str, Decimal]]:
    logs = chain.transfers(token, to, since, chain.head().number)
    return [(log.sender, log.amount) for log in logs]


def test_blocks_form_a_chain(chain: Node) -> None:
    before = chain.head()
    development.mine(2)
    head = chain.head()
    assert head.number >= before.number + 2
    parent = chain.block(head.number - 1)
    assert parent is not None
    assert parent.hash == head.parent_hash == normalise_hash(head.parent_hash)
    assert head.time.tzinfo is UTC
    assert abs((datetime.now(UTC) - head.time).total_seconds()) < 86400
    assert chain.block(head.number + 1_000_000) is None
    assert chain.chain_id() == 31337


def test_token_stands_where_the_settings_say(chain: Node, token: str, settings: object) -> None:
    assert token == development.token_address() == settings.CHAIN_TOKEN_ADDRESS  # type: ignore[attr-defined]
    assert development.deploy_token() == token
    assert chain.has_code(token)
    assert not chain.has_code(development.fresh_wallet().address)


def test_default_wallets_are_anvils(settings: object) -> None:
    assert development.wallet(0).address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert development.wallet(0).key == "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    assert development.wallet(1).address == settings.CHAIN_RECEIVING_ADDRESS  # type: ignore[attr-defined]
    assert development.wallet(9).address == "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"


def test_transfer_becomes_one_log(chain: Node, token: str) -> None:
    payer, payee = development.fresh_wallet(Decimal("12.5")), development.fresh_wallet()
    since = chain.head().number
    tx_hash = development.send_transfer(payer.key, payee.address.lower(), Decimal("12.499999"))
    number = chain.transaction_block(tx_hash)
    assert number is not None
    block = chain.block(number)
    assert block is not None
    [log] = chain.transfers(token.lower(), payee.address.lower(), since, number)
    assert astuple(log) == (
        number,
        block.hash,
        tx_hash,
        log.log_index,
        token,
        payer.address,
        payee.address,
        Decimal("12.499999"),
    )
    assert chain.balance_of(token, payee.address) == Decimal("12.499999")
    assert str(chain.balance_of(token, payer.address)) == "0.000001"
    development.mine(2)
    assert chain.transfers(token, payee.address, number + 1, number + 2) == []
    assert chain.transfers(token, payee.address, number, number - 1) == []


def test_two_transfers_in_one_transaction_are_two_logs(chain: Node, token: str) -> None:
    owner, payee = development.fresh_wallet(Decimal(10)), development.fresh_wallet()
    contract = development.deploy_wallet(owner.key)
    development.send_transfer(owner.key, contract, Decimal(10))
    since = chain.head().number
    tx_hash = development.send_transfers_from_contract(
        owner.key, contract, [(payee.address, Decimal(3)), (payee.address, Decimal(3))]
    )
    first, second = chain.transfers(token, payee.address, since, chain.head().number)
    assert (first.tx_hash, second.tx_hash) == (tx_hash, tx_hash)
    assert first.log_index < second.log_index
    assert first.sender == second.sender == contract
    assert first.amount == second.amount == Decimal(3)


def test_reverted_transfer_is_mined_and_leaves_no_log(chain: Node, token: str) -> None:
    payer, payee = development.fresh_wallet(Decimal(1)), development.fresh_wallet()
    since = chain.head().number
    with pytest.raises(development.Reverted) as caught:
        development.send_transfer(payer.key, payee.address, Decimal(2))
    assert chain.transaction_block(caught.value.tx_hash) is not None
    assert received(chain, payee.address, token, since) == []
    assert chain.balance_of(token, payer.address) == Decimal(1)


def test_other_token_of_the_same_name_is_not_ours(chain: Node, token: str) -> None:
    forger, payee = development.fresh_wallet(), development.fresh_wallet()
    since = chain.head().number
    other = development.deploy_contract(forger.key, "TestUSDT", encode(["address[]"], [[forger.address]]))
    development.send_transfer(forger.key, payee.address, Decimal(500), token=other)
    assert received(chain, payee.address, token, since) == []
    assert received(chain, payee.address, other, since) == [(forger.address, Decimal(500))]


def test_look_alike_log_is_not_ours(chain: Node, token: str) -> None:
    forger, payee = development.fresh_wallet(), development.fresh_wallet()
    since = chain.head().number
    contract = deploy_runtime(forger.key, LOOK_ALIKE)
    words = [bytes.fromhex(TRANSFER_TOPIC[2:])]
    words += [bytes(12) + bytes.fromhex(address[2:]) for address in (development.wallet(4).address, payee.address)]
    words += [(10**12).to_bytes(32)]
    development.send_transaction(forger.key, contract, b"".join(words))
    assert received(chain, payee.address, token, since) == []
    forged = received(chain, payee.address, contract, since)
    assert forged == [(development.wallet(4).address, Decimal(10**6))]


def test_largest_amount_is_exact(chain: Node) -> None:
    forger, payee = development.fresh_wallet(), development.fresh_wallet()
    contract = deploy_runtime(forger.key, LOOK_ALIKE)
    words = bytes.fromhex(TRANSFER_TOPIC[2:]) + bytes(32) + bytes(12) + bytes.fromhex(payee.address[2:])
    tx_hash = development.send_transaction(forger.key, contract, words + b"\xff" * 32)
    number = chain.transaction_block(tx_hash)
    assert number is not None
    [log] = chain.transfers(contract, payee.address, number, number)
    assert str(log.amount).replace(".", "") == str(2**256 - 1)
    assert log.sender == normalise_address("0x" + "0" * 40)


def test_zero_transfer_is_told(chain: Node, token: str) -> None:
    payer, payee = development.fresh_wallet(), development.fresh_wallet()
    since = chain.head().number
    development.send_transfer(payer.key, payee.address, Decimal(0))
    assert received(chain, payee.address, token, since) == [(payer.address, Decimal(0))]


def test_unknown_transaction_has_no_block(chain: Node) -> None:
    assert chain.transaction_block("0x" + "AB" * 32) is None
    for malformed in ("0x12", "ab" * 32, "0x" + "ab" * 32 + "\n", "0x" + "zz" * 32):
        with pytest.raises(ValueError, match="not a hash"):
            chain.transaction_block(malformed)


def test_contract_wallet_answers_for_its_owner_alone(chain: Node) -> None:
    owner, stranger = development.fresh_wallet(), development.fresh_wallet()
    contract = development.deploy_wallet(owner.key)
    assert chain.has_code(contract)
    digest = personal_digest("hello")
    good = development.personal_sign(owner.key, "hello")
    assert chain.is_valid_signature(contract, digest, good)
    assert chain.is_valid_signature(contract.lower(), digest, good)
    assert not chain.is_valid_signature(contract, personal_digest("other"), good)
    assert not chain.is_valid_signature(contract, digest, development.personal_sign(stranger.key, "hello"))
    for hostile in ("", "0x", "0x1", "0xzz", "0x" + "00" * 65, good + "00", good[:-2], "0x" + "00" * 100_000):
        assert not chain.is_valid_signature(contract, digest, hostile)


def test_contract_wallet_obeys_its_owner_alone(chain: Node, token: str) -> None:
    owner, stranger = development.fresh_wallet(Decimal(5)), development.fresh_wallet()
    contract = development.deploy_wallet(owner.key)
    development.send_transfer(owner.key, contract, Decimal(5))
    with pytest.raises(development.Reverted):
        development.send_transfers_from_contract(stranger.key, contract, [(stranger.address, Decimal(5))])
    with pytest.raises(development.Reverted):
        development.send_transfers_from_contract(
            owner.key, contract, [(stranger.address, Decimal(1)), (stranger.address, Decimal(5))]
        )
    assert chain.balance_of(token, contract) == Decimal(5)


@pytest.mark.parametrize(
    "runtime",
    [
        "60006000fd",  # reverts
        "5b600056",  # runs for ever
        "fe",  # invalid
        "00",  # answers nothing
        "631626ba7e60005260206000f3",  # the magic value at the wrong end of the word
        "600160005260206000f3",  # true
        "620fffff6000f3",  # a megabyte of zeros
    ],
)
def test_contract_that_answers_otherwise_signs_nothing(chain: Node, runtime: str) -> None:
    deployer = development.fresh_wallet()
    contract = deploy_runtime(deployer.key, runtime)
    digest = personal_digest("hello")
    assert not chain.is_valid_signature(contract, digest, development.personal_sign(deployer.key, "hello"))


def test_plain_wallet_and_token_sign_nothing(chain: Node, token: str) -> None:
    owner = development.fresh_wallet()
    signature = development.personal_sign(owner.key, "hello")
    assert not chain.is_valid_signature(owner.address, personal_digest("hello"), signature)
    assert not chain.is_valid_signature(token, personal_digest("hello"), signature)


def test_amounts_beyond_six_decimals_are_refused() -> None:
    for amount in (Decimal("0.0000001"), Decimal(-1)):
        with pytest.raises(ValueError, match="no amount of USDT"):
            development.transfer_call(development.wallet(3).address, amount)


def test_development_tools_refuse_another_chain(chain: Node, settings: object) -> None:
    settings.CHAIN_ID = 1  # type: ignore[attr-defined]
    for action in (
        development.deploy_token,
        development.fresh_wallet,
        lambda: development.mine(1),
        lambda: development.deploy_wallet(development.wallet(3).key),
        lambda: development.send_transfer(development.wallet(3).key, development.wallet(4).address, Decimal(1)),
    ):
        with pytest.raises(development.NotDevelopment):
            action()
