"""A node that is gone, lies or talks nonsense: always NodeError, never a wrong answer."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from chain.node import TRANSFER_TOPIC, Node, NodeError, NodeRefused

TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PAYEE_TOPIC = "0x" + PAYEE[2:].lower().rjust(64, "0")
HASH = "0x" + "ab" * 32
LOG: dict[str, Any] = {
    "address": TOKEN.lower(),
    "topics": [TRANSFER_TOPIC, PAYEE_TOPIC, PAYEE_TOPIC],
    "data": "0x" + "0" * 62 + "0a",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
    "logIndex": "0x0",
    "removed": False,
}
BLOCK: dict[str, Any] = {"number": "0x5", "hash": HASH, "parentHash": HASH, "timestamp": "0x6920a000"}

Answer = Callable[[str], tuple[int, bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[Node]:
    """A node whose HTTP answers are `answer(method)`: status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(asked["method"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Node(f"http://127.0.0.1:{server.server_port}/secret-key", 31337)
    finally:
        server.shutdown()
        server.server_close()


def result(value: Any) -> Answer:
    """Serves chain 31337 and answers everything else with `value`."""

    def answer(method: str) -> tuple[int, bytes]:
        found = "0x7a69" if method == "eth_chainId" else value
        return 200, json.dumps({"jsonrpc": "2.0", "id": 0, "result": found}).encode()

    return answer


def refusal(code: int) -> Answer:
    def answer(method: str) -> tuple[int, bytes]:
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": 0}
        body |= {"result": "0x7a69"} if method == "eth_chainId" else {"error": {"code": code, "message": "no"}}
        return 200, json.dumps(body).encode()

    return answer


QUESTIONS: list[Callable[[Node], Any]] = [
    lambda node: node.head(),
    lambda node: node.block(5),
    lambda node: node.transfers(TOKEN, PAYEE, 1, 9),
    lambda node: node.transaction_block(HASH),
    lambda node: node.has_code(TOKEN),
    lambda node: node.balance_of(TOKEN, PAYEE),
]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"null",
        b"{}",
        b'"text"',
        b"\xff\xfe",
        b'{"error": "text"}',
        b'{"jsonrpc": "2.0", "id": 0, "result": "31337"}',
        b'{"jsonrpc": "2.0", "id": 0, "result": 31337}',
        b'{"jsonrpc": "2.0", "id": 0, "result": null}',
        b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}',  # another chain
    ],
)
@pytest.mark.parametrize("question", QUESTIONS)
def test_garbage_and_another_chain(question: Callable[[Node], Any], body: bytes) -> None:
    with serving(lambda method: (200, body)) as node, pytest.raises(NodeError):
        question(node)


@pytest.mark.parametrize("value", [True, 5, "text", "0x", "0xzz", [], ["0x"], {}, {"number": "0x5"}, "0x" + "f" * 63])
@pytest.mark.parametrize("question", QUESTIONS)
def test_results_of_the_wrong_shape(question: Callable[[Node], Any], value: Any) -> None:
    # The two that are right: no logs, no code.
    if (value, question) in (([], QUESTIONS[2]), ("0x", QUESTIONS[4])):
        return
    with serving(result(value)) as node, pytest.raises(NodeError):
        question(node)


@pytest.mark.parametrize("status", [403, 429, 500, 502])
def test_http_errors_tell_no_address(status: int) -> None:
    with serving(lambda method: (status, b"busy")) as node, pytest.raises(NodeError) as caught:
        node.head()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_unreachable_node() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for question in QUESTIONS:
        with pytest.raises(NodeError):
            question(Node(f"http://127.0.0.1:{port}/secret-key", 31337))


def test_silent_node_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.node.TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        node = Node(f"http://127.0.0.1:{listener.getsockname()[1]}", 31337)
        with pytest.raises(NodeError):
            node.head()


def test_node_that_comes_back_is_used() -> None:
    down = True

    def answer(method: str) -> tuple[int, bytes]:
        return (503, b"") if down else result(BLOCK)(method)

    with serving(answer) as node:
        with pytest.raises(NodeError):
            node.head()
        down = False
        assert node.head().number == 5


def test_good_log_passes() -> None:
    """The yardstick of the next test: each fault there is the only one."""
    with serving(result([LOG])) as node:
        [log] = node.transfers(TOKEN, PAYEE, 1, 9)
    assert (log.block_number, log.token, log.recipient, str(log.amount)) == (5, TOKEN, PAYEE, "0.000010")


@pytest.mark.parametrize(
    "fault",
    [
        {"address": PAYEE.lower()},
        {"address": "0x12"},
        {"topics": []},
        {"topics": None},
        {"topics": [TRANSFER_TOPIC, PAYEE_TOPIC]},
        {"topics": [TRANSFER_TOPIC, PAYEE_TOPIC, PAYEE_TOPIC, PAYEE_TOPIC]},
        {"topics": [HASH, PAYEE_TOPIC, PAYEE_TOPIC]},
        {"topics": [TRANSFER_TOPIC, "0x" + "1" * 64, PAYEE_TOPIC]},  # no address
        {"topics": [TRANSFER_TOPIC, PAYEE_TOPIC, "0x" + "1".rjust(64, "0")]},  # somebody else
        {"topics": [TRANSFER_TOPIC, PAYEE_TOPIC, 7]},
        {"data": "0x"},
        {"data": "0x" + "0" * 128},
        {"data": "0x0a"},
        {"data": 10},
        {"blockNumber": None},  # still pending
        {"blockNumber": "0xa"},  # outside the range
        {"blockNumber": "0x" + "f" * 16},
        {"blockHash": None},
        {"transactionHash": "0x12"},
        {"logIndex": "-0x1"},
        {"removed": True},
    ],
)
def test_faulty_log_is_no_money(fault: dict[str, Any]) -> None:
    with serving(result([LOG, {**LOG, **fault}])) as node, pytest.raises(NodeError):
        node.transfers(TOKEN, PAYEE, 1, 9)


def test_another_block_or_transaction_than_asked() -> None:
    with serving(result(BLOCK)) as node, pytest.raises(NodeError):
        node.block(6)
    with serving(result({**BLOCK, "timestamp": "0x" + "f" * 15})) as node, pytest.raises(NodeError):
        node.head()
    receipt = {"transactionHash": HASH, "blockNumber": "0x5"}
    with serving(result(receipt)) as node, pytest.raises(NodeError):
        node.transaction_block("0x" + "cd" * 32)


def test_contract_signature_tells_refusal_from_trouble() -> None:
    def ask(node: Node) -> bool:
        return node.is_valid_signature(TOKEN, bytes(32), "0x12")

    for code in (3, -32000, -32015):
        with serving(refusal(code)) as node:
            assert ask(node) is False
    with serving(result("0x1626ba7e" + "0" * 56)) as node:
        assert ask(node) is True
    with serving(refusal(-32005)) as node, pytest.raises(NodeError) as caught:
        ask(node)
    assert not isinstance(caught.value, NodeRefused)
    with serving(lambda method: (500, b"")) as node, pytest.raises(NodeError):
        ask(node)
