"""Questions to the chain's node over JSON-RPC.

web3 carries the calls and nothing more (no middleware, no retries): what comes back is checked here, field by
field, because a node is another party's machine. web3 is imported when the first node is built: it takes a
second that only those who talk to the chain should pay.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
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
_PASSED_OVER_SECONDS = 30

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,15}")  # what a bigint column holds
_LARGE = re.compile(r"0x[0-9a-fA-F]{1,64}")
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


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a transaction was mined, and whether it did what it was sent for or was reverted."""

    block_number: int
    block_hash: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei for a unit of gas: what the next block burns, and what its miner likes to get."""

    base: int
    tip: int


def node() -> "Node":
    """The node, or the nodes by comma, that the settings name; one Node for each process."""
    return _node(settings.CHAIN_RPC_URL, settings.CHAIN_ID)


@cache
def _node(url: str, expected_chain_id: int) -> "Node":
    return Node(url, expected_chain_id)


def normalise_hash(text: str) -> str:
    """A transaction or block hash in lower case; ValueError unless it is 0x and 64 hex digits."""
    if not isinstance(text, str) or not _WORD.fullmatch(text):
        raise ValueError("not a hash")
    return text.lower()


class _Endpoint:
    """One address of a node. Its errors never quote it."""

    def __init__(self, url: str, expected_chain_id: int) -> None:
        from web3 import HTTPProvider

        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": TIMEOUT_SECONDS},
            exception_retry_configuration=None,
        )
        self._expected_chain_id = expected_chain_id
        self._chain_checked = threading.Event()
        self.failed_at = float("-inf")

    def call(self, method: str, *params: Any) -> Any:
        """As Node.call. Before its first answer it proves that it serves the expected chain."""
        if not self._chain_checked.is_set():
            found = _parsed("eth_chainId", _quantity, self.request("eth_chainId"))
            if found != self._expected_chain_id:
                raise NodeError(f"the node serves chain {found}, the settings say {self._expected_chain_id}")
            self._chain_checked.set()
        return self.request(method, *params)

    def request(self, method: str, *params: Any) -> Any:
        """One JSON-RPC request, whatever the chain."""
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


class Node:
    """A JSON-RPC node, or several of one chain (`urls` by comma); safe to share between threads. Every method may raise
    NodeError.

    The first is asked; one that is gone, limits us or talks nonsense is passed over for 30 s, and the next is asked.
    Each proves first that it serves `expected_chain_id`: a node of another chain would have its worthless tokens
    booked as money.
    """

    def __init__(self, urls: str, expected_chain_id: int) -> None:
        self._endpoints = [_Endpoint(url.strip(), expected_chain_id) for url in urls.split(",") if url.strip()]
        if not self._endpoints:
            raise ValueError("no node is named")

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call; its result as the first node that answers sent it."""
        return self._ask(lambda answer: answer, method, *params)

    def _ask(self, parse: Callable[[Any], Parsed], method: str, *params: Any) -> Parsed:
        """One call, parsed. A node whose answer cannot be parsed is passed over like one that does not answer."""
        failure: NodeError | None = None
        for endpoint in self._in_turn():
            try:
                return _parsed(method, parse, endpoint.call(method, *params))
            except NodeRefused:
                raise
            except NodeError as error:
                endpoint.failed_at = time.monotonic()
                failure = failure or error
        assert failure is not None
        raise failure

    def _in_turn(self) -> Iterator[_Endpoint]:
        """As they are named, those that failed a moment ago last."""
        now = time.monotonic()
        yield from sorted(self._endpoints, key=lambda endpoint: now - endpoint.failed_at < _PASSED_OVER_SECONDS)

    def chain_id(self) -> int:
        """The chain id that the first node states now, expected or not."""
        return _parsed("eth_chainId", _quantity, self._endpoints[0].request("eth_chainId"))

    def head(self) -> Block:
        """The newest block."""
        return self._ask(_block, "eth_getBlockByNumber", "latest", False)

    def block(self, number: int) -> Block | None:
        """The block of that number on the chain as it is now, None above the head."""

        def asked(answer: Any) -> Block | None:
            block = None if answer is None else _block(answer)
            if block is not None and block.number != number:
                raise ValueError("another block than was asked for")
            return block

        return self._ask(asked, "eth_getBlockByNumber", hex(number), False)

    def transfers(self, token: str, to: str, from_block: int, to_block: int) -> list[TransferLog]:
        """The token's Transfer events to `to` in these blocks, both included, oldest first.

        Only successful transactions leave events. Zero amounts are among them: anyone can emit those. The blocks
        must be there: above its head a node may refuse (NodeRefused) or answer with nothing.
        """
        if from_block > to_block:
            return []
        token, to = normalise_address(token), normalise_address(to)

        def asked(answer: Any) -> list[TransferLog]:
            logs = _transfers(answer)
            for log in logs:
                # The node's word for its own filter is not enough: what slips through would be credited.
                if log.token != token or log.recipient != to or not from_block <= log.block_number <= to_block:
                    raise ValueError("another log than was asked for")
            return sorted(logs, key=lambda log: (log.block_number, log.log_index))

        return self._ask(
            asked,
            "eth_getLogs",
            {
                "address": token,
                "topics": [TRANSFER_TOPIC, None, "0x" + to[2:].lower().rjust(64, "0")],
                "fromBlock": hex(from_block),
                "toBlock": hex(to_block),
            },
        )

    def transaction_block(self, tx_hash: str) -> int | None:
        """The number of the block that holds the transaction, failed ones included; None until it is mined.

        ValueError if `tx_hash` is none.
        """
        receipt = self.receipt(tx_hash)
        return None if receipt is None else receipt.block_number

    def has_code(self, address: str) -> bool:
        """Whether a contract (or an account that delegates to one) stands at the address."""
        return len(self._ask(_bytes, "eth_getCode", normalise_address(address), "latest")) > 0

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
            answer = self._ask(_bytes, "eth_call", call, "latest")
        except NodeRefused:
            return False
        return answer[:32] == _IS_VALID_SIGNATURE + bytes(28)

    def balance_of(self, token: str, address: str) -> Decimal:
        """What the address holds of the token, in USDT, exact."""
        argument = normalise_address(address)[2:].lower().rjust(64, "0")
        call = {"to": normalise_address(token), "data": _BALANCE_OF + argument}
        return self._ask(_amount, "eth_call", call, "latest")

    def receipt(self, tx_hash: str) -> Receipt | None:
        """What became of a transaction; None until it is mined. ValueError if `tx_hash` is none."""
        tx_hash = normalise_hash(tx_hash)

        def asked(answer: Any) -> Receipt | None:
            if answer is None:
                return None
            receipt_hash, receipt = _receipt(answer)
            if receipt_hash != tx_hash:
                raise ValueError("another transaction than was asked for")
            return receipt

        return self._ask(asked, "eth_getTransactionReceipt", tx_hash)

    def transactions_of(self, address: str) -> int:
        """How many transactions of the address were mined: its next nonce."""
        return self._ask(_quantity, "eth_getTransactionCount", normalise_address(address), "latest")

    def coins_of(self, address: str) -> int:
        """What the address holds of the chain's coin, for gas, in wei."""
        return self._ask(_large, "eth_getBalance", normalise_address(address), "latest")

    def fees(self) -> Fees:
        """What gas costs now."""
        base = self._ask(lambda block: _quantity(block["baseFeePerGas"]), "eth_getBlockByNumber", "latest", False)
        return Fees(base=base, tip=self._ask(_quantity, "eth_maxPriorityFeePerGas"))

    def broadcast(self, raw: str) -> None:
        """Hands a signed transaction (0x and hex) to every node; NodeRefused where none takes it.

        A node that has it already refuses, too: whether it is mined is said by its receipt alone.
        """
        taken, failure = False, NodeError("eth_sendRawTransaction: no node")
        for endpoint in self._in_turn():
            try:
                endpoint.call("eth_sendRawTransaction", raw)
                taken = True
            except NodeError as error:
                failure = error
        if not taken:
            raise failure


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


def _large(value: Any) -> int:
    return int(_matched(_LARGE, value), 16)


def _receipt(value: Any) -> tuple[str, Receipt]:
    status = value["status"]
    if status not in ("0x0", "0x1"):
        raise ValueError("without status")
    receipt = Receipt(_quantity(value["blockNumber"]), normalise_hash(value["blockHash"]), status == "0x1")
    return normalise_hash(value["transactionHash"]), receipt


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
