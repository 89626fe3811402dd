"""`Idempotency-Key`: one effect and one answer for a request and its repeats."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from common import public_ids
from contracts.models import Order
from contracts.tests.desk import Desk
from operations.models import KeptAnswer
from operations.tasks import prune
from payments.models import PaymentOrder
from tests.conftest import ROOT, Trader, new_trader, open_desk, opened, order_form

CREATE, CANCEL, CLOSE = "contract/order/create", "contract/order/cancel", "contract/position/close"


def limit_order(desk: Desk, trader: Trader) -> dict[str, Any]:
    placed = trader.post(CREATE, order_form(desk, price_type="limit", price="2000"))
    return {"id": placed["data"]["id"]}


@pytest.mark.parametrize(
    ("path", "body_of"),
    [
        (CREATE, lambda desk, trader: order_form(desk)),
        (CANCEL, limit_order),
        (CLOSE, lambda desk, trader: {"id": public_ids.encode(opened(desk, trader).id)}),
        ("index/recharge/order", lambda desk, trader: {"amount": "50"}),
        ("market/pledge/order", lambda desk, trader: {"amount": "50"}),
        ("index/withdraw", lambda desk, trader: {"amount": "50"}),
    ],
)
def test_a_repeat_gets_the_same_answer(
    desk: Desk, trader: Trader, path: str, body_of: Callable[[Desk, Trader], dict[str, Any]]
) -> None:
    body = body_of(desk, trader)
    first = trader.post(path, body, **{"idempotency-key": "one"})
    assert first["code"] == 200
    rows = Order.objects.count(), PaymentOrder.objects.count(), desk.held(trader.id)
    for _ in range(2):
        assert trader.post(path, body, **{"idempotency-key": "one"}) == first
    # The same fields in another order, and as text, are another matter only where they are other values.
    assert trader.post(path, dict(reversed(body.items())), **{"idempotency-key": "one"}) == first
    assert (Order.objects.count(), PaymentOrder.objects.count(), desk.held(trader.id)) == rows
    desk.clean()


def test_another_body_is_a_conflict(desk: Desk, trader: Trader) -> None:
    trader.post(CREATE, order_form(desk), **{"idempotency-key": "one"})
    for body in (order_form(desk, volume=11), order_form(desk, extra="x")):
        response = trader.api(**{"idempotency-key": "one"}).post(ROOT + CREATE, body, format="json")
        answer = response.json()
        assert (response.status_code, answer["code"], answer["reason"]) == (400, 400, "idempotency_conflict")
        assert list(answer["errors"]) == ["Idempotency-Key"]
    assert Order.objects.count() == 1


def test_a_refusal_is_kept(desk: Desk, trader: Trader) -> None:
    body = order_form(desk, volume=100_000)
    refused = trader.post(CREATE, body, **{"idempotency-key": "one"})
    assert (refused["code"], refused["reason"]) == (500, "insufficient_balance")
    desk.credit(trader.id, "1000000")
    response = trader.api(**{"idempotency-key": "one"}).post(ROOT + CREATE, body, format="json")
    assert (response.status_code, response.json()) == (200, refused)
    assert not Order.objects.exists()
    assert trader.post(CREATE, body, **{"idempotency-key": "two"})["code"] == 200


def test_what_was_invalid_is_not_kept(desk: Desk, trader: Trader) -> None:
    for body in (order_form(desk, volume=0), order_form(desk, id=1)):
        assert trader.post(CREATE, body, **{"idempotency-key": "one"})["code"] == 400
    assert not KeptAnswer.objects.exists()
    assert trader.post(CREATE, order_form(desk), **{"idempotency-key": "one"})["code"] == 200


def test_a_failure_of_ours_is_not_kept(desk: Desk, trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(**kwargs: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("contracts.services.place_order", breaking)
        assert trader.post(CREATE, order_form(desk), **{"idempotency-key": "one"})["code"] == 500
    assert trader.post(CREATE, order_form(desk), **{"idempotency-key": "one"})["code"] == 200


def test_a_key_belongs_to_a_client_and_a_call(desk: Desk, trader: Trader) -> None:
    other = new_trader(desk)
    answers = [who.post(CREATE, order_form(desk), **{"idempotency-key": "one"}) for who in (trader, other)]
    assert [answer["code"] for answer in answers] == [200, 200]
    assert answers[0]["data"]["id"] != answers[1]["data"]["id"]
    assert trader.post("index/recharge/order", {"amount": "5"}, **{"idempotency-key": "one"})["code"] == 200


def test_without_a_key_every_request_counts(desk: Desk, trader: Trader) -> None:
    ids = {trader.post(CREATE, order_form(desk))["data"]["id"] for _ in range(2)}
    assert len(ids) == 2
    assert not KeptAnswer.objects.exists()


def test_after_a_day_it_is_forgotten(desk: Desk, trader: Trader) -> None:
    first = trader.post(CREATE, order_form(desk), **{"idempotency-key": "one"})
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=23, minutes=59))
    assert prune() == 0
    assert trader.post(CREATE, order_form(desk), **{"idempotency-key": "one"}) == first
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    # Another body too, and before the job has come by.
    second = trader.post(CREATE, order_form(desk, volume=11), **{"idempotency-key": "one"})
    assert second["code"] == 200
    assert second["data"]["id"] != first["data"]["id"]
    assert trader.post(CREATE, order_form(desk, volume=11), **{"idempotency-key": "one"}) == second
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert prune() == 1


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("path", [CREATE, "index/recharge/order"])
def test_repeats_at_once_have_one_effect(path: str) -> None:
    desk = open_desk()
    trader = new_trader(desk)
    body = order_form(desk) if path == CREATE else {"amount": "50"}
    threads, rounds = 4, 5
    together = Barrier(threads)

    def send(number: int) -> dict[str, Any]:
        try:
            together.wait()
            return trader.post(path, body, **{"idempotency-key": str(number)})
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(threads) as pool:
        for number in range(rounds):
            answers = list(pool.map(send, [number] * threads))
            assert answers[0]["code"] == 200
            assert answers.count(answers[0]) == threads
    assert Order.objects.count() + PaymentOrder.objects.count() == rounds
    desk.clean()
