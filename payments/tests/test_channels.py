"""What a client sees of its payments while the chain grows over them, and who is told."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from chain import development
from common.redis import client as redis_client
from common.sockets import wire
from ledger.channels import BALANCE
from payments import services
from payments.channels import PAYMENTS, PaymentsChannel
from payments.tests.conftest import Payer, confirm, sweep
from payments.tests.test_settlement import age

pytestmark = pytest.mark.django_db


def shown(payer: Payer) -> list[tuple[int, int, str | None]]:
    """(status, confirmations, reason) of the client's orders, newest first."""
    channel = PaymentsChannel()
    rows = channel.render(channel.load(payer.client.id), {})
    return [(row["status"], row["confirmations"], row["reason"]) for row in rows]


@pytest.fixture
def told(django_capture_on_commit_callbacks: Any) -> Iterator[Callable[..., list[tuple[int, str]]]]:
    """Runs something as if it committed; (client, channel) of everybody who is told."""
    with redis_client().pubsub() as subscription:
        subscription.subscribe(wire.PUSH)
        subscription.get_message(timeout=5)

        def run(action: Callable[[], Any]) -> list[tuple[int, str]]:
            with django_capture_on_commit_callbacks(execute=True):
                action()
            found = []
            while message := subscription.get_message(timeout=0.2):
                if message["data"][:1] == wire.CHANGES:
                    clients, channels = orjson.loads(message["data"][1:])
                    found += [(client, channel) for client in clients for channel in channels]
            return found

        yield run


def test_confirmations_grow(payer: Payer, told: Callable[..., list[tuple[int, str]]]) -> None:
    own = (payer.client.id, PAYMENTS)
    assert shown(payer) == []
    order = payer.order("10")
    assert shown(payer) == [(0, 0, None)]
    tx_hash = payer.pay("10")
    sweep()
    development.mine(1)
    assert own in told(sweep)
    assert shown(payer) == [(0, 1, None)]
    assert own in told(lambda: payer.claim(order, tx_hash))
    assert shown(payer) == [(1, 1, None)]
    development.mine(1)
    found = told(sweep)
    assert own in found
    assert (payer.client.id, BALANCE) in found
    assert shown(payer) == [(2, 2, None)]


def test_of_two_equal_orders_none_is_shown_as_paid(payer: Payer) -> None:
    payer.order("10")
    payer.order("10")
    payer.pay("10")
    sweep()
    development.mine(1)
    sweep()
    assert shown(payer) == [(0, 0, None), (0, 0, None)]


def test_failures_are_told_with_their_reason(payer: Payer, told: Callable[..., list[tuple[int, str]]]) -> None:
    order, late = payer.order("10"), payer.order("11")
    payer.claim(order, payer.pay("9"))
    assert (payer.client.id, PAYMENTS) in told(confirm)
    age(late, 60)
    development.mine(1)
    sweep()
    assert (payer.client.id, PAYMENTS) in told(services.expire)
    assert shown(payer) == [(3, 0, "expired"), (3, 0, "wrong_amount")]


def test_what_ended_long_ago_is_not_shown(payer: Payer) -> None:
    order = payer.order("10")
    payer.pay("10")
    confirm()
    order.refresh_from_db()
    assert order.finished_at is not None
    assert shown(payer) == [(2, 2, None)]
    age(order, 2 * 24 * 60)
    order.finished_at = order.created_at
    order.save()
    assert shown(payer) == []
