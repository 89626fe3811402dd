"""A ban acts at once, on everything but what is already open."""

import asyncio
import threading
from typing import Any

import orjson
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from rest_framework.test import APIClient

from accounts import bans
from accounts.models import Client
from common.errors import Refused
from contracts import services
from contracts.models import Order
from soke_project.routing import sockets
from tests.conftest import ROOT, Trader, new_trader, open_desk, opened, order_form
from tests.document import SAMPLES
from tests.test_popups import every_call, popup

BAN = {**SAMPLES["popup_ban"], "code": 666}


def ban(trader: Trader) -> None:
    operator, _made = User.objects.get_or_create(username="risk")
    bans.ban(client_id=trader.id, reason="wash trading", operator=operator)


def test_every_call_gets_the_bans_popup(trader: Trader) -> None:
    ban(trader)
    for path, body in every_call(trader.api(), address=trader.wallet.address):
        assert body == BAN, path
    visitor = APIClient()
    assert visitor.post(ROOT + "auth/token", {"address": trader.wallet.address.lower()}, format="json").json() == BAN
    bans.unban(client_id=trader.id)
    assert trader.get("contract/orders")["code"] == 200


def test_the_operators_words_come_first(trader: Trader) -> None:
    popup()  # an update that cannot be closed
    popup(kind="ban", title="for all", buttons=[])
    ban(trader)
    assert trader.get("index/index")["data"]["title"] == "for all"
    popup(kind="ban", title="for you", client_id=trader.id)
    assert trader.get("index/index")["data"]["title"] == "for you"


def test_what_waits_is_cancelled_and_what_is_open_stays(desk: Any, trader: Trader) -> None:
    position = opened(desk, trader)
    trader.post("contract/order/create", order_form(desk, price_type="limit", price="2000"))
    trader.post("contract/order/create", order_form(desk))
    close = desk.close(trader.id, position, 1)
    before = desk.available(trader.id) + desk.held(trader.id)
    ban(trader)
    found = Order.objects.filter(client_id=trader.id, kind="open", filled_volume=0).values_list("status", "reason")
    assert list(found) == [("cancelled", "banned")] * 2
    assert (desk.held(trader.id), desk.available(trader.id)) == (0, before)
    desk.tick("2803.371")
    assert desk.reason(close) == ("filled", "")
    assert desk.position(trader.id, 1).volume == 9
    # An operator may close the rest.
    desk.close(trader.id, desk.position(trader.id, 1))
    desk.tick("2803.371")
    assert desk.position(trader.id, 1) is None
    desk.clean()


def test_twice_is_refused(trader: Trader) -> None:
    with pytest.raises(Refused, match="not_banned"):
        bans.unban(client_id=trader.id)
    ban(trader)
    with pytest.raises(Refused, match="banned"):
        ban(trader)
    assert Client.objects.get(id=trader.id).banned_by == "risk"


@pytest.mark.parametrize("change", ["banned_at = now()", "ban_reason = 'x'", "banned_at = now(), banned_by = 'x'"])
def test_a_ban_has_a_time_a_reason_and_an_operator(trader: Trader, change: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_client SET {change} WHERE id = %s", [trader.id])


@pytest.mark.usefixtures("committed")
def test_an_order_under_way_does_not_slip_past_a_ban() -> None:
    """It was let in before the ban and waits for the client's lock that the ban holds."""
    desk = open_desk()
    trader = new_trader(desk)
    refusals: list[str] = []

    def place() -> None:
        try:
            services.place_order(client_id=trader.id, index_id=desk.index.id, direction=1, volume=1)
        except Refused as error:
            refusals.append(error.reason)
        finally:
            connection.close()

    order = threading.Thread(target=place)
    with transaction.atomic():
        ban(trader)
        order.start()
        for _ in range(500):
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                if cursor.fetchone() != (0,):
                    break
            order.join(0.01)
        assert order.is_alive()
    order.join(10)
    assert refusals == ["banned"]
    assert not Order.objects.filter(client_id=trader.id, status="pending").exists()


@pytest.mark.usefixtures("committed")
def test_sockets_are_closed_and_no_new_one_opens() -> None:
    trader = new_trader(open_desk())

    async def closed(socket: WebsocketCommunicator) -> dict[str, Any]:
        while (message := await asyncio.wait_for(socket.receive_output(), 5))["type"] != "websocket.close":
            pass
        return message

    async def listen() -> None:
        socket = WebsocketCommunicator(sockets, f"/ws?token={trader.token}")
        assert (await socket.connect())[0]
        await socket.send_to(orjson.dumps({"sub": "orders"}).decode())
        while "ch" not in orjson.loads(await asyncio.wait_for(socket.receive_from(), 5)):
            pass
        await sync_to_async(ban)(trader)
        assert (await closed(socket))["code"] == 4003
        again = WebsocketCommunicator(sockets, f"/ws?token={trader.token}")
        assert (await again.connect())[0]
        assert (await closed(again))["code"] == 4003

    async_to_sync(listen)()
