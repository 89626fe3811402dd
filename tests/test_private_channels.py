"""A client's private channels: what a client does over HTTP comes back on its socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator

from common.sockets import publish
from contracts.channels import CLIENT_CHANNELS
from contracts.engine.work import execute_all
from contracts.tests.desk import Desk
from operations import halts
from soke_project.routing import sockets
from tests.conftest import Trader, new_trader, open_desk, order_form
from tests.document import differences

CHANNELS = ("orders", "orders.ended", "fills", "index.positions", "balance", "payments")
HASH = "0x" + "cd" * 32


class Listener:
    """A signed-in socket. `shows` waits until a channel's newest frame fits and gives its data."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self._socket = socket
        self._newest: dict[str, Any] = {}

    async def shows(self, channel: str, fits: Callable[[Any], bool] = lambda _data: True) -> Any:
        while channel not in self._newest or not fits(self._newest[channel]):
            frame = orjson.loads(await asyncio.wait_for(self._socket.receive_from(), 5))
            if "ch" in frame:
                found = differences(f"push_{frame['ch'].removeprefix('index.')}", frame)
                assert set(found) <= {"data: empty"}
                self._newest[frame["ch"]] = frame["data"]
        return self._newest[channel]


@asynccontextmanager
async def listening(trader: Trader) -> AsyncIterator[Listener]:
    socket = WebsocketCommunicator(sockets, f"/ws?token={trader.token}")
    assert (await socket.connect())[0]
    for channel in CHANNELS:
        await socket.send_to(orjson.dumps({"sub": channel}).decode())
    yield Listener(socket)
    await socket.disconnect()


@sync_to_async
def post(trader: Trader, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = trader.post(path, body)
    assert answer["code"] == 200, answer
    data: dict[str, Any] = answer.get("data", {})
    return data


async def follow(desk: Desk, trader: Trader) -> None:
    async with listening(trader) as client:
        assert await client.shows("orders") == []
        assert await client.shows("payments") == []
        balance = await client.shows("balance")
        assert (balance["available"], balance["order_hold"]) == ("10000.000000", "0.000000")

        limit = await post(trader, "contract/order/create", order_form(desk, price_type="limit", price="2700"))
        [waiting] = await client.shows("orders", lambda rows: len(rows) == 1)
        assert (waiting["id"], waiting["status"], waiting["price"]) == (limit["id"], "pending", "2700")
        held = await client.shows("balance", lambda data: data["order_hold"] != "0.000000")
        assert float(held["available"]) + float(held["order_hold"]) == 10000

        prepared = await post(trader, "index/recharge/order", {"amount": "25"})
        [order] = await client.shows("payments", lambda rows: len(rows) == 1)
        assert (order["no"], order["purpose"], order["status"], order["tx_hash"]) == (
            prepared["no"],
            "deposit",
            0,
            None,
        )
        await post(trader, "index/recharge", {"no": prepared["no"], "id": HASH})
        [order] = await client.shows("payments", lambda rows: rows[0]["status"] == 1)
        assert (order["tx_hash"], order["confirmations"]) == (HASH, 0)

    # Whoever comes back sees at once what is now.
    async with listening(trader) as client:
        assert await client.shows("orders") == [waiting]
        assert await client.shows("balance") == held
        assert await client.shows("payments") == [order]
        await post(trader, "contract/order/cancel", {"id": limit["id"]})
        assert await client.shows("orders", lambda rows: not rows) == []
        assert await client.shows("balance", lambda data: data["order_hold"] == "0.000000") == balance


@pytest.mark.usefixtures("committed")
def test_a_client_follows_what_it_does() -> None:
    desk = open_desk()
    async_to_sync(follow)(desk, new_trader(desk))


@pytest.mark.usefixtures("committed")
def test_every_end_comes_with_its_reason() -> None:
    """Cancelled, refused and filled orders, and what the system closes."""
    desk = open_desk()
    trader = new_trader(desk)

    @sync_to_async
    def second(price: str) -> None:
        """What an engine does and says in a second."""
        desk.tick(price, execute=False)
        work = execute_all(desk.moment, lambda: True)
        publish.clients_changed(work.touched, CLIENT_CHANNELS)

    async def listen() -> None:
        async with listening(trader) as client:
            assert await client.shows("orders.ended") == await client.shows("fills") == []
            limit = await post(trader, "contract/order/create", order_form(desk, price_type="limit", price="2700"))
            await post(trader, "contract/order/cancel", {"id": limit["id"]})
            [ended] = await client.shows("orders.ended", lambda rows: len(rows) == 1)
            assert (ended["id"], ended["status"], ended["reason"]) == (limit["id"], "cancelled", None)

            opened = await post(trader, "contract/order/create", order_form(desk, volume=100))
            await second("2803.371")
            [fill] = await client.shows("fills", lambda rows: len(rows) == 1)
            assert (fill["order_id"], fill["kind"], fill["price"]) == (opened["id"], "open", "2803.9317")
            [position] = await client.shows("index.positions", lambda rows: len(rows) == 1)
            refused = await post(trader, "contract/order/create", order_form(desk, direction="sell"))
            await post(trader, "contract/position/protect", {"id": position["id"], "stop_loss": "2790"})
            protected = await client.shows("index.positions", lambda rows: rows and rows[0]["stop_loss"])
            assert protected[0]["stop_loss"] == "2790"
            halt = await sync_to_async(halts.start)(kind="open", index_id=None, reason="maintenance", operator="risk")
            await second("2789")
            closed = (await client.shows("fills", lambda rows: len(rows) == 2))[0]
            assert (closed["kind"], closed["order_id"], closed["profit"][0]) == ("stop_loss", None, "-")
            newest = (await client.shows("orders.ended", lambda rows: len(rows) == 3))[0]
            assert (newest["id"], newest["status"], newest["reason"]) == (refused["id"], "refused", "halted")
            assert await client.shows("index.positions", lambda rows: not rows) == []
            await sync_to_async(halts.lift)(halt_id=halt.id, operator="risk")

    async_to_sync(listen)()


@pytest.mark.usefixtures("committed")
def test_nobody_sees_what_another_does() -> None:
    desk = open_desk()
    trader, stranger = new_trader(desk), new_trader(desk)

    async def listen() -> None:
        async with listening(stranger) as client:
            for channel in CHANNELS:
                await client.shows(channel)
            await post(trader, "contract/order/create", order_form(desk, price_type="limit", price="2700"))
            await post(trader, "index/recharge/order", {"amount": "25"})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.shows("", lambda _data: False), 0.5)

    async_to_sync(listen)()
