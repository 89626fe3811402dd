"""The development chain: anvil, its well-known wallets and a test USDT.

The keys are public, so whatever reaches the node refuses any chain but 31337.
"""

import json
import secrets
import time
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from eth_abi.abi import encode
from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_utils.crypto import keccak

from chain.node import TOKEN_DECIMALS, Node, NodeError, node, normalise_hash
from chain.signatures import KEYS, normalise_address, personal_digest

CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"
WALLETS = 10
DEPLOYER = 0  # also the treasury
RECEIVING = 1  # also the hot wallet
PLEDGER = 2  # pays the demonstration's market pool in

# Fixed instead of estimated: an estimate would refuse the transactions that are meant to fail on chain.
_GAS = 3_000_000
_MINED_WITHIN_SECONDS = 10
_TIP_WEI = 10**9
_PURSE_WEI = 10**21


class Wallet(NamedTuple):
    """`address` is EIP-55, `key` the private key as 0x and 64 hex digits."""

    address: str
    key: str


class NotDevelopment(Exception):
    """The settings or the node name another chain than the development chain."""


class Reverted(Exception):
    """The transaction was mined and failed; `tx_hash` is its hash."""

    def __init__(self, tx_hash: str) -> None:
        super().__init__(f"{tx_hash} was reverted")
        self.tx_hash = tx_hash


@cache
def wallet(index: int) -> Wallet:
    """Account `index` of anvil's mnemonic (m/44'/60'/0'/0/index). 0, 1 and 2 are the platform's."""
    return _wallet(key_from_seed(_seed(), f"m/44'/60'/0'/0/{index}"))


def fresh_wallet(usdt: Decimal = Decimal(0)) -> Wallet:
    """A new wallet with coins for gas and `usdt` from the treasury."""
    created = _wallet(secrets.token_bytes(32))
    _development_node().call("anvil_setBalance", created.address, hex(_PURSE_WEI))
    if usdt:
        send_transfer(wallet(DEPLOYER).key, created.address, usdt)
    return created


@cache
def token_address() -> str:
    """Where `deploy_token` puts the token: the deployer's first contract, known without asking."""
    creator = bytes.fromhex(wallet(DEPLOYER).address[2:])
    # CREATE: the hash of the RLP list [creator, nonce 0].
    return normalise_address("0x" + keccak(b"\xd6\x94" + creator + b"\x80")[12:].hex())


def deploy_token() -> str:
    """Deploys the test USDT unless it is there; returns its address.

    Every default wallet but the receiving one starts with 1,000,000.
    """
    if not _development_node().has_code(token_address()):
        holders = [wallet(index).address for index in range(WALLETS) if index != RECEIVING]
        deployed = deploy_contract(wallet(DEPLOYER).key, "TestUSDT", encode(["address[]"], [holders]))
        if deployed != token_address():
            raise NodeError("the deployer has sent something else first; start the chain anew")
    return token_address()


def deploy_wallet(owner_key: str) -> str:
    """A new contract wallet, which answers EIP-1271 for its owner's signatures; returns its address."""
    return deploy_contract(owner_key, "TestWallet")


def deploy_contract(key: str, name: str, arguments: bytes = b"") -> str:
    """Deploys `contracts/<name>.json` with ABI-encoded constructor arguments; returns its address."""
    return deploy_code(key, bytes.fromhex(_artefact(name)["bytecode"][2:]) + arguments)


def deploy_code(key: str, code: bytes) -> str:
    """Deploys any creation code; returns the contract's address."""
    return normalise_address(_sent(key, None, code)["contractAddress"].lower())


def send_transfer(key: str, to: str, amount: Decimal, token: str | None = None) -> str:
    """Sends `amount` USDT and waits until it is mined; returns the transaction hash, raises Reverted.

    `token` is the configured one unless another is named.
    """
    return send_transaction(key, token or settings.CHAIN_TOKEN_ADDRESS, transfer_call(to, amount))


def send_transfers_from_contract(owner_key: str, contract_wallet: str, transfers: Sequence[tuple[str, Decimal]]) -> str:
    """Sends each `(to, amount)` out of a contract wallet, all in one transaction; as `send_transfer`."""
    targets = [settings.CHAIN_TOKEN_ADDRESS] * len(transfers)
    calls = [transfer_call(to, amount) for to, amount in transfers]
    arguments = encode(["address[]", "bytes[]"], [targets, calls])
    return send_transaction(owner_key, contract_wallet, keccak(b"execute(address[],bytes[])")[:4] + arguments)


def send_transaction(key: str, to: str, data: bytes) -> str:
    """Sends any call and waits until it is mined; returns the transaction hash, raises Reverted."""
    return normalise_hash(_sent(key, normalise_address(to), data)["transactionHash"])


def transfer_call(to: str, amount: Decimal) -> bytes:
    """The call data of an ERC-20 transfer; ValueError if the amount has more than 6 decimals."""
    units = int(amount.scaleb(TOKEN_DECIMALS))
    if units < 0 or Decimal(units).scaleb(-TOKEN_DECIMALS) != amount:
        raise ValueError(f"{amount} is no amount of USDT")
    return keccak(b"transfer(address,uint256)")[:4] + encode(["address", "uint256"], [to, units])


def mine(blocks: int) -> None:
    """Mines that many empty blocks at once, above what was sent before."""
    wait_until_mined()
    _development_node().call("anvil_mine", hex(blocks))


def wait_until_mined() -> None:
    """Waits until every transaction that was sent is in a block, unless automatic mining is off.

    The chain answers a sender first and mines then.
    """
    chain = _development_node()
    deadline = time.monotonic() + _MINED_WITHIN_SECONDS
    while chain.call("anvil_getAutomine") and chain.call("txpool_status")["pending"] != "0x0":
        if time.monotonic() > deadline:
            raise NodeError(f"transactions were not mined in {_MINED_WITHIN_SECONDS} s")
        time.sleep(0.01)


def personal_sign(key: str, message: str) -> str:
    """What a wallet answers to personal_sign: 0x and 130 hex digits, v 27 or 28."""
    signature = KEYS.ecdsa_sign(personal_digest(message), KEYS.PrivateKey(bytes.fromhex(key[2:])))
    return f"0x{signature.r:064x}{signature.s:064x}{signature.v + 27:02x}"


def _development_node() -> Node:
    found = node()
    if settings.CHAIN_ID != CHAIN_ID or found.chain_id() != CHAIN_ID:
        raise NotDevelopment(f"only chain {CHAIN_ID} may be played with")
    return found


def _sent(key: str, to: str | None, data: bytes) -> dict[str, Any]:
    """The receipt of a transaction that was sent and succeeded."""
    chain = _development_node()
    account = Account.from_key(key)
    head = chain.call("eth_getBlockByNumber", "latest", False)
    transaction: dict[str, Any] = {
        "chainId": CHAIN_ID,
        "nonce": int(chain.call("eth_getTransactionCount", account.address, "pending"), 16),
        # From the base fee: anvil's eth_gasPrice follows what was paid last, and would climb with each of ours.
        "gasPrice": 2 * int(head["baseFeePerGas"], 16) + _TIP_WEI,
        "gas": _GAS,
        "value": 0,
        "data": data,
    }
    if to is not None:
        transaction["to"] = to
    raw = account.sign_transaction(transaction).raw_transaction
    tx_hash = normalise_hash(chain.call("eth_sendRawTransaction", "0x" + raw.hex()))
    deadline = time.monotonic() + _MINED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        receipt = chain.call("eth_getTransactionReceipt", tx_hash)
        if receipt is None:
            time.sleep(0.01)
        elif receipt["status"] == "0x1":
            return dict(receipt)
        else:
            raise Reverted(tx_hash)
    raise NodeError(f"{tx_hash} was not mined in {_MINED_WITHIN_SECONDS} s")


def _wallet(key: bytes) -> Wallet:
    address = KEYS.PrivateKey(key).public_key.to_checksum_address()
    return Wallet(str(address), "0x" + key.hex())


@cache
def _seed() -> bytes:
    return bytes(seed_from_mnemonic(MNEMONIC, ""))


@cache
def _artefact(name: str) -> dict[str, Any]:
    text = (Path(__file__).parent / "contracts" / f"{name}.json").read_text()
    return dict(json.loads(text))
