"""Questions to the chain's node over JSON-RPC.

web3 carries the calls and nothing more (no middleware, no retries): what comes back is checked here, field by
field, because a node is another party's machine. web3 is imported when the first node is built: it takes a
second that only those who talk to the chain should pay.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from django.conf import settings

from chain.signatures import normalise_address

TIMEOUT_SECONDS = 5  # to connect, and between two pieces of an answer
TOKEN_DECIMALS = 6

# keccak("Transfer(address,address,uint256)")
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
_BALANCE_OF = "0x70a08231"
_IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")  # selector and magic value are the same bytes
# A hostile contract may burn as much as it is given; wallets that check several passkeys need less than this.
_SIGNATURE_GAS = 3_000_000
_SIGNATURE_MAX_BYTES = 8192
# EIP-1474: the node has had enough of us, which says nothing about the call.
_LIMIT_EXCEEDED = -32005

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,15}")  # what a bigint column holds
_WORD = re.compile(r"0x[0-9a-fA-F]{64}")
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*")

Parsed = TypeVar("Parsed")


class NodeError(Exception):
    """The node cannot be reached, or answers what cannot be right. Nothing is known; ask again later.

    Its text never holds the node's address, which may bear a key.
    """


class NodeRefused(NodeError):
    """The node answered with a JSON-RPC error: it understood and says no (a revert, most often)."""


@dataclass(frozen=True, slots=True)
class Block:
    """`hash` and `parent_hash` are 0x and 64 lower-case digits, `time` is aware (UTC)."""

    number: int
    hash: str
    parent_hash: str
    time: datetime


@dataclass(frozen=True, slots=True)
class TransferLog:
    """One Transfer event. `amount` is USDT, exact to 6 decimals; addresses are EIP-55, hashes lower-case."""

    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int
    token: str
    sender: str
    recipient: str
    amount: Decimal


def node() -> "Node":
    """The node that the settings name, one for each process."""
    return _node(settings.CHAIN_RPC_URL, settings.CHAIN_ID)


@cache
def _node(url: str, expected_chain_id: int) -> "Node":
    return Node(url, expected_chain_id)


def normalise_hash(text: str) -> str:
    """A transaction or block hash in lower case; ValueError unless it is 0x and 64 hex digits."""
    if not isinstance(text, str) or not _WORD.fullmatch(text):
        raise ValueError("not a hash")
    return text.lower()


class Node:
    """A JSON-RPC node; safe to share between threads. Every method may raise NodeError.

    Before its first answer it proves that it serves `expected_chain_id`: a node of another chain would have
    its worthless tokens booked as money.
    """

    def __init__(self, url: str, expected_chain_id: int) -> None:
        from web3 import HTTPProvider

        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": TIMEOUT_SECONDS},
            exception_retry_configuration=None,
        )
        self._expected_chain_id = expected_chain_id
        self._chain_checked = threading.Event()

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call; its result as the node sent it."""
        if not self._chain_checked.is_set():
            self._check_chain()
        return self._request(method, *params)

    def chain_id(self) -> int:
        """The chain id that the node states now, expected or not."""
        return _parsed("eth_chainId", _quantity, self._request("eth_chainId"))

    def head(self) -> Block:
        """The newest block."""
        return _parsed("eth_getBlockByNumber", _block, self.call("eth_getBlockByNumber", "latest", False))

    def block(self, number: int) -> Block | None:
        """The block of that number on the chain as it is now, None above the head."""
        answer = self.call("eth_getBlockByNumber", hex(number), False)
        if answer is None:
            return None
        block = _parsed("eth_getBlockByNumber", _block, answer)
        if block.number != number:
            raise NodeError("eth_getBlockByNumber: another block than was asked for")
        return block

    def transfers(self, token: str, to: str, from_block: int, to_block: int) -> list[TransferLog]:
        """The token's Transfer events to `to` in these blocks, both included, oldest first.

        Only successful transactions leave events. Zero amounts are among them: anyone can emit those. The blocks
        must be there: above its head a node may refuse (NodeRefused) or answer with nothing.
        """
        if from_block > to_block:
            return []
        token, to = normalise_address(token), normalise_address(to)
        answer = self.call(
            "eth_getLogs",
            {
                "address": token,
                "topics": [TRANSFER_TOPIC, None, "0x" + to[2:].lower().rjust(64, "0")],
                "fromBlock": hex(from_block),
                "toBlock": hex(to_block),
            },
        )
        logs = _parsed("eth_getLogs", _transfers, answer)
        for log in logs:
            # The node's word for its own filter is not enough: what slips through would be credited.
            if log.token != token or log.recipient != to or not from_block <= log.block_number <= to_block:
                raise NodeError("eth_getLogs: another log than was asked for")
        return sorted(logs, key=lambda log: (log.block_number, log.log_index))

    def transaction_block(self, tx_hash: str) -> int | None:
        """The number of the block that holds the transaction, failed ones included; None until it is mined.

        ValueError if `tx_hash` is none.
        """
        tx_hash = normalise_hash(tx_hash)
        answer = self.call("eth_getTransactionReceipt", tx_hash)
        if answer is None:
            return None
        receipt_hash, number = _parsed("eth_getTransactionReceipt", _receipt, answer)
        if receipt_hash != tx_hash:
            raise NodeError("eth_getTransactionReceipt: another transaction than was asked for")
        return number

    def has_code(self, address: str) -> bool:
        """Whether a contract (or an account that delegates to one) stands at the address."""
        answer = self.call("eth_getCode", normalise_address(address), "latest")
        return len(_parsed("eth_getCode", _bytes, answer)) > 0

    def is_valid_signature(self, address: str, digest: bytes, signature: str) -> bool:
        """Whether the contract at `address` takes `signature` (0x and hex) over the 32 bytes `digest`.

        EIP-1271. A revert, garbage or no contract at all is False; NodeError only when the node cannot say.
        """
        if not isinstance(signature, str) or not _BYTES.fullmatch(signature):
            return False
        raw = bytes.fromhex(signature[2:])
        if len(raw) > _SIGNATURE_MAX_BYTES:
            return False
        padding = bytes(-len(raw) % 32)
        data = _IS_VALID_SIGNATURE + digest + (64).to_bytes(32) + len(raw).to_bytes(32) + raw + padding
        call = {"to": normalise_address(address), "data": "0x" + data.hex(), "gas": hex(_SIGNATURE_GAS)}
        try:
            answer = self.call("eth_call", call, "latest")
        except NodeRefused:
            return False
        return _parsed("eth_call", _bytes, answer)[:32] == _IS_VALID_SIGNATURE + bytes(28)

    def balance_of(self, token: str, address: str) -> Decimal:
        """What the address holds of the token, in USDT, exact."""
        argument = normalise_address(address)[2:].lower().rjust(64, "0")
        call = {"to": normalise_address(token), "data": _BALANCE_OF + argument}
        return _parsed("eth_call", _amount, self.call("eth_call", call, "latest"))

    def _check_chain(self) -> None:
        found = self.chain_id()
        if found != self._expected_chain_id:
            raise NodeError(f"the node serves chain {found}, the settings say {self._expected_chain_id}")
        self._chain_checked.set()

    def _request(self, method: str, *params: Any) -> Any:
        try:
            answer: Any = self._provider.make_request(method, list(params))
        except Exception as error:
            # Whatever it is (network, HTTP status, JSON), its text may quote the address: tell its kind only.
            raise NodeError(f"{method}: {type(error).__name__}") from None
        if not isinstance(answer, dict):
            raise NodeError(f"{method}: not an answer of JSON-RPC")
        refusal = answer.get("error")
        if refusal is None and "result" in answer:
            return answer["result"]
        if not isinstance(refusal, dict):
            raise NodeError(f"{method}: not an answer of JSON-RPC")
        if refusal.get("code") == _LIMIT_EXCEEDED:
            raise NodeError(f"{method}: limit exceeded")
        raise NodeRefused(f"{method}: {str(refusal.get('message'))[:200]}")


def _parsed(method: str, parse: Callable[[Any], Parsed], answer: Any) -> Parsed:
    try:
        return parse(answer)
    except (ValueError, TypeError, KeyError, OverflowError, OSError) as error:
        raise NodeError(f"{method}: garbage ({error})") from error


def _matched(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{str(value)[:80]!r} is malformed")
    return value


def _quantity(value: Any) -> int:
    return int(_matched(_QUANTITY, value), 16)


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(_matched(_BYTES, value)[2:])


def _amount(word: Any) -> Decimal:
    # From text: Decimal's own arithmetic would round a 256-bit number to the context's 28 digits.
    whole, fraction = divmod(int(_matched(_WORD, word), 16), 10**TOKEN_DECIMALS)
    return Decimal(f"{whole}.{fraction:0{TOKEN_DECIMALS}d}")


def _topic_address(word: Any) -> str:
    digits = _matched(_WORD, word)[2:]
    if digits[:24] != "0" * 24:
        raise ValueError("a topic that is no address")
    return normalise_address("0x" + digits[24:].lower())


def _block(value: Any) -> Block:
    return Block(
        number=_quantity(value["number"]),
        hash=normalise_hash(value["hash"]),
        parent_hash=normalise_hash(value["parentHash"]),
        time=datetime.fromtimestamp(_quantity(value["timestamp"]), UTC),
    )


def _receipt(value: Any) -> tuple[str, int]:
    return normalise_hash(value["transactionHash"]), _quantity(value["blockNumber"])


def _transfers(value: Any) -> list[TransferLog]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return [_transfer(entry) for entry in value]


def _transfer(value: Any) -> TransferLog:
    signature, sender, recipient = value["topics"]
    if normalise_hash(signature) != TRANSFER_TOPIC:
        raise ValueError("another event")
    if value.get("removed", False) is not False:
        raise ValueError("a log that was taken back")
    return TransferLog(
        block_number=_quantity(value["blockNumber"]),
        block_hash=normalise_hash(value["blockHash"]),
        tx_hash=normalise_hash(value["transactionHash"]),
        log_index=_quantity(value["logIndex"]),
        token=normalise_address(_matched(_BYTES, value["address"]).lower()),
        sender=_topic_address(sender),
        recipient=_topic_address(recipient),
        amount=_amount(value["data"]),
    )
