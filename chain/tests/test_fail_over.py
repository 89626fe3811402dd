"""Several nodes of one chain: one that is gone or talks nonsense is passed over, and none is believed unproved."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.conf import settings

from chain.node import Node, NodeError, NodeRefused
from chain.tests.test_node_errors import Answer, result, serving


@pytest.fixture
def joined() -> Iterator[Callable[..., Node]]:
    """A Node over servers that answer so, and the real one behind them."""
    with ExitStack() as servers:

        def make(*answers: Answer) -> Node:
            urls = [servers.enter_context(serving(answer))._endpoints[0]._provider.endpoint_uri for answer in answers]
            return Node(",".join([*map(str, urls), settings.CHAIN_RPC_URL]), settings.CHAIN_ID)

        yield make


@pytest.mark.parametrize(
    "answer",
    [
        result({"number": "0x5"}),
        result("nonsense"),
        lambda method: (429, b"too many"),
        lambda method: (200, b"<html>"),
        lambda method: (200, b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}'),  # another chain
    ],
)
def test_the_next_one_is_asked(joined: Callable[..., Node], answer: Answer) -> None:
    node = joined(answer)
    head = Node(settings.CHAIN_RPC_URL, settings.CHAIN_ID).head()
    assert node.head().number >= head.number
    # It is not asked again for a while.
    assert [endpoint.failed_at > 0 for endpoint in node._endpoints] == [True, False]
    assert node.head().number >= head.number


def test_a_refusal_is_an_answer(joined: Callable[..., Node]) -> None:
    refusal = b'{"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "no"}}'

    def answer(method: str) -> tuple[int, bytes]:
        return (200, b'{"jsonrpc": "2.0", "id": 0, "result": "0x7a69"}') if method == "eth_chainId" else (200, refusal)

    with pytest.raises(NodeRefused):
        joined(answer).head()


def test_all_are_gone() -> None:
    with pytest.raises(NodeError):
        Node("http://127.0.0.1:9, http://127.0.0.1:10", settings.CHAIN_ID).head()
    with pytest.raises(ValueError, match="no node"):
        Node(" , ", settings.CHAIN_ID)
