"""Every real answer has the keys, JSON types, written forms and messages of the document's samples."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.urls import get_resolver
from rest_framework.test import APIClient

from accounts.tests.wallets import Wallet
from common import public_ids, sql
from common.redis import client as redis_client
from common.sockets import publish, wire
from contracts.engine import news
from contracts.services import close_position
from contracts.tests.desk import Desk
from funds.tests.shop import bought, fund_reserve, new_product
from ledger.accounts import PlatformAccount
from operations import runs
from soke_project.routing import sockets
from tests.conftest import ROOT, Trader, new_trader, open_desk, opened, order_form
from tests.document import DECIDED, SAMPLES, differences, scalars, unformed

HASH = "0x" + "ab" * 32
# Calls that the document does not know.
ADDED_CALLS = {
    *("auth/logout", "auth/refresh", "index/config", "index/payments", "index/withdrawals", "index/statement"),
    *("contract/order/quote", "contract/position/protect", "contract/position/logs", "contract/fill/logs"),
    *("market/pledges", "power/stop"),
}


def same(name: str, real: Any) -> None:
    assert list(differences(name, real)) == []


def routed() -> set[str]:
    """Every call's path after /api/v1/."""
    found = set()
    for resolver in get_resolver().url_patterns:
        if str(resolver.pattern) == "api/v1/":
            found |= {str(pattern.pattern) for pattern in resolver.url_patterns}
    return found


def test_every_call_has_its_sample() -> None:
    sampled = {name for name in SAMPLES if not name.startswith(("push_", "popup_"))}
    assert {path.replace("/", "_") for path in routed() - ADDED_CALLS} == sampled


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_themselves_are_written_so(name: str) -> None:
    decided = DECIDED.get(name, {})
    found = [scalar for scalar in scalars(SAMPLES[name]) if scalar[0] not in decided]
    assert [difference for path, value in found for difference in unformed(value, path)] == []


@pytest.mark.parametrize(
    ("path", "value", "difference"),
    [
        ("data", [], "data: empty"),
        ("data.0.id", "48468653", "data[].id: string '48468653' instead of integer"),
        ("data.0.position_volume", 1.0, "data[].position_volume: number 1.0 instead of integer"),
        ("data.0.lever", True, "data[].lever: boolean True instead of integer"),
        ("data.0.direction", None, "data[].direction: null None instead of string"),
        ("data.0.open_price", "2041.21320", "data[].open_price: '2041.21320' is not written as"),
        ("data.0.position_amount", "2041.2132", "data[].position_amount: '2041.2132' is not written as"),
        ("data.0.profit_rate", "-0", "data[].profit_rate: '-0' is not written as"),
        ("data.0.index", {"id": 1, "title": "主流指数"}, "data[].index.sub_title: missing"),
        ("data.0.mark", "", "data[].mark: not in the document"),
        ("page.total", "1", "page.total: string '1' instead of integer"),
        ("message", "ok", "message: 'ok' instead of ''"),
    ],
)
def test_a_difference_is_found(path: str, value: Any, difference: str) -> None:
    answer = copy.deepcopy(SAMPLES["contract_positions"])
    answer["data"][0]["index"]["id"] = 383064256
    answer["data"][0] |= {"take_profit": None, "stop_loss": None, "closing": None}
    same("contract_positions", answer)
    *way, key = path.split(".")
    place = answer
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[key] = value
    [found] = differences("contract_positions", answer)
    assert found.startswith(difference)


@pytest.mark.django_db
def test_sign_in() -> None:
    api, wallet = APIClient(), Wallet()
    nonce = api.post(ROOT + "auth/nonce", {"address": wallet.address}, format="json").json()
    same("auth_nonce", nonce)
    signed = {"address": wallet.address, "signature": wallet.sign(nonce["data"]["message"])}
    same("auth_token", api.post(ROOT + "auth/token", signed, format="json").json())


def test_home(desk: Desk, trader: Trader) -> None:
    opened(desk, trader)
    product = new_product()
    for answer in (APIClient().get(ROOT + "index/index").json(), trader.get("index/index")):
        same("index_index", answer)
        assert list(answer) == ["status_code", "code", "message", "data"]
    mine = trader.get("index/index")["data"]
    assert mine["my"]["address"] == trader.wallet.address
    assert (mine["my"]["power"], mine["power"]["is_open_power"]) == ("0.000000", False)
    visitor = APIClient().get(ROOT + "index/index").json()["data"]
    assert visitor["fund"] == [{"id": public_ids.encode(product.id), "title": "测试基金", "profit": "0.2"}]
    assert (visitor["my"]["address"], visitor["my"]["power"], visitor["power"]["is_open_power"]) == (None, None, None)
    assert {value for key, value in visitor["my"].items() if key not in ("address", "power")} == {"0.000000"}


@pytest.mark.parametrize(("path", "prefix"), [("index/recharge", "ZHCZ"), ("market/pledge", "ZSZY")])
def test_payments(trader: Trader, path: str, prefix: str) -> None:
    name = path.replace("/", "_")
    ordered = trader.post(f"{path}/order", {"amount": "1010"})
    same(f"{name}_order", ordered)
    assert ordered["data"]["amount"] == "1010.000000"
    assert ordered["data"]["no"].startswith(prefix)
    same(name, trader.post(path, {"no": ordered["data"]["no"], "id": HASH}))


def test_withdrawal(trader: Trader) -> None:
    asked = trader.post("index/withdraw", {"amount": "1010"})
    same("index_withdraw", asked)
    assert asked["data"]["no"].startswith("ZHTX")
    assert (asked["data"]["amount"], asked["data"]["fee"], asked["data"]["arrival"]) == (
        "1010.000000",
        "1.000000",
        "1009.000000",
    )


def test_home_knows_funds_and_mining(desk: Desk, trader: Trader) -> None:
    order = bought(trader.id, new_product(), started=sql.database_time() - timedelta(days=100))
    fund_reserve("1000")
    fund_reserve("500.000009", PlatformAccount.INCENTIVE_POOL)
    runs.carry_out("funds", runs.today())
    trader.post("power/start", {})
    home = trader.get("index/index")
    same("index_index", home)
    assert home["data"]["power"] == {"power_pool": "50.000000", "power_rate": 10, "is_open_power": True}
    runs.carry_out("power", runs.today())
    mine = trader.get("index/index")["data"]["my"]
    assert (mine["power"], mine["power_income"], mine["fund_income"]) == ("1010.000000", "50.000000", "202.000000")
    assert order.amount == 1010


def test_funds(trader: Trader) -> None:
    product = new_product()
    fund_reserve("1000")
    listed = trader.get("fund/products")
    same("fund_products", listed)
    [row] = listed["data"]
    assert row["periods"] == SAMPLES["fund_products"]["data"][0]["periods"]
    assert (row["unit_price"], row["total_volume"], row["remain_volume"]) == ("101.000000", 100, 100)
    form = {"id": row["id"], "period": "3", "volume": 10}
    prepared = trader.post("fund/product/buy/order", form)
    same("fund_product_buy_order", prepared)
    assert prepared["data"]["amount"] == "1010.000000"
    assert prepared["data"]["no"].startswith("JZGM")
    digits = int(prepared["data"]["no"].removeprefix("JZGM"))
    same("fund_product_buy", trader.post("fund/product/buy", {"no": digits, "id": HASH}))
    waiting = trader.get("fund/buy/logs")
    same("fund_buy_logs", waiting)
    [row] = waiting["data"]
    assert (row["status"], row["period"], row["volume"], row["matures_at"]) == (1, 3, 10, None)
    order = bought(trader.id, product, started=sql.database_time() - timedelta(days=100))
    runs.carry_out("funds", runs.today())
    logs = trader.get("fund/reward/logs")
    same("fund_reward_logs", logs)
    [row] = logs["data"]
    assert (row["reward"], row["order_id"]) == ("202.000000", public_ids.encode(order.id))
    same("fund_order_redeem", trader.post("fund/order/redeem", {"id": public_ids.encode(order.id)}))
    redeemed = trader.get("fund/redeem/logs")
    same("fund_redeem_logs", redeemed)
    [row] = redeemed["data"]
    assert (row["status"], row["redeemed_amount"], row["fee"]) == (2, "1010.000000", "0.000000")
    bought_logs = trader.get("fund/buy/logs")
    same("fund_buy_logs", bought_logs)
    assert [row["status"] for row in bought_logs["data"]] == [2, 1]


def test_mining(trader: Trader) -> None:
    refused = trader.post("power/start", {})
    assert (refused["code"], refused["reason"]) == (500, "no_power")
    bought(trader.id, new_product())
    for _ in range(2):
        same("power_start", trader.post("power/start", {}))
    fund_reserve("10000", PlatformAccount.INCENTIVE_POOL)
    runs.carry_out("power", runs.today())
    for logs in (trader.post("power/reward/logs", {}), trader.get("power/reward/logs")):
        same("power_reward_logs", logs)
        assert [row["reward"] for row in logs["data"]] == ["1000.000000"]
    assert trader.post("power/stop", {}) == SAMPLES["power_start"]


def test_market(desk: Desk, trader: Trader) -> None:
    opened(desk, trader)
    desk.tick("2900")
    query = {"id": public_ids.encode(desk.index.id)}
    for api in (APIClient(), trader.api()):
        same("contract_indexes", api.get(ROOT + "contract/indexes").json())
        market = api.get(ROOT + "contract/index/market", query).json()
        same("contract_index_market", market)
        assert market["data"] == {
            "last_price": "2900",
            "open_price": "2803.371",
            "quote_change": "0.0345",
            "today_high": "2900",
            "today_low": "2803.371",
            "trade_volume": 10,
            "position_volume": 10,
            "stale": False,
        }
        for interval in SAMPLES["push_kline"]["data"]:
            answer = api.get(ROOT + "contract/index/kline", {**query, "interval": interval})
            same("contract_index_kline", answer.json())
            # A whole price is written with a fraction all the same.
            assert b'"close":2900.0,' in answer.content


def test_orders_and_positions(desk: Desk, trader: Trader) -> None:
    placed = trader.post("contract/order/create", order_form(desk))
    same("contract_order_create", placed)
    desk.tick("2803.371")
    limit = trader.post("contract/order/create", order_form(desk, price_type="limit", price="2700.5"))
    same("contract_order_create", limit)
    assert limit["data"]["price"] == "2700.5"
    waiting = trader.get("contract/orders")
    same("contract_orders", waiting)
    assert [(row["id"], row["status"], row["price"]) for row in waiting["data"]] == [
        (limit["data"]["id"], "pending", "2700.5")
    ]
    filled = trader.get("contract/orders", {"status": "filled"})
    same("contract_orders", filled)
    assert [(row["id"], row["trade_volume"], row["price"]) for row in filled["data"]] == [
        (placed["data"]["id"], 10, None)
    ]
    same("contract_order_cancel", trader.post("contract/order/cancel", {"id": limit["data"]["id"]}))
    for price in ("2803.371", "2790"):
        desk.tick(price)
        positions = trader.get("contract/positions")
        same("contract_positions", positions)
    [position] = positions["data"]
    assert position["profit_unreal"].startswith("-")
    same("contract_position_close", trader.post("contract/position/close", {"id": position["id"]}))
    desk.tick("2790")
    assert trader.get("contract/positions")["data"] == []
    desk.clean()


def test_pledges(desk: Desk, trader: Trader) -> None:
    """Losses of one day, income of the next; then the pledge leaves."""
    refused = trader.post("market/pledge/cancel", {})
    assert (refused["code"], refused["reason"]) == (500, "no_pledge")
    desk.pledge(trader.id, "1000")
    other = new_trader(desk)
    opened(desk, other, volume=100)
    desk.tick("2900")
    desk.settle()
    desk.tick("2700")
    desk.settle()
    for name, field in (("market/income/logs", "market_income"), ("market/loss/logs", "market_loss")):
        for answer in (trader.get(name), trader.post(name, {}), trader.post(name, {"page": 1})):
            same(name.replace("/", "_"), answer)
        assert trader.get("index/index")["data"]["my"][field] == answer["data"][0]["reward"]
        assert other.get(name)["data"] == []
        assert trader.get(name, {"page": 2})["data"] == []
    [pledge] = trader.get("market/pledges")["data"]
    assert (pledge["amount"], pledge["status"], pledge["cancelled_at"]) == ("1000.000000", "active", None)
    assert pledge["principal"] == trader.get("index/index")["data"]["my"]["market_pledge"]
    for _ in range(2):
        same("market_pledge_cancel", trader.post("market/pledge/cancel", {}))
    assert trader.get("market/pledges")["data"][0]["status"] == "leaving"
    desk.settle()
    [pledge] = trader.get("market/pledges")["data"]
    assert (pledge["status"], pledge["principal"]) == ("left", "0.000000")
    assert trader.get("index/index")["data"]["my"]["market_pledge"] == "0.000000"
    desk.clean()


@pytest.mark.usefixtures("committed")
def test_pushes() -> None:
    """What the engine publishes, as the hub hands it to a signed-in socket."""
    desk = open_desk()
    trader = new_trader(desk)
    position = opened(desk, trader)
    channels = {
        "push_kline": "index.kline.sokemain",
        "push_market": "index.market.sokemain",
        "push_positions": "index.positions",
    }

    def push(price: str) -> None:
        desk.tick(price)
        news.tell(desk.results)

    async def next_pushes(socket: WebsocketCommunicator, wanted: set[str]) -> dict[str, Any]:
        """The next push of each channel."""
        found: dict[str, Any] = {}
        while wanted - found.keys():
            message = orjson.loads(await asyncio.wait_for(socket.receive_from(), 5))
            if message.get("ch") in wanted:
                found[message["ch"]] = message
        return found

    async def listen() -> None:
        in_thread: Callable[..., Awaitable[Any]] = sync_to_async(push)
        await in_thread("2803.371")
        socket = WebsocketCommunicator(sockets, f"/ws?token={trader.token}")
        assert (await socket.connect())[0]
        for channel in channels.values():
            await socket.send_to(orjson.dumps({"sub": channel}).decode())
        snapshot = await next_pushes(socket, set(channels.values()))
        await in_thread("2900")
        pushed = await next_pushes(socket, set(channels.values()))
        for name, channel in channels.items():
            same(name, snapshot[channel])
            same(name, pushed[channel])
        assert pushed["index.market.sokemain"]["data"]["last_price"] == 2900.0
        assert list(pushed["index.kline.sokemain"]["data"]) == list(SAMPLES["push_kline"]["data"])
        assert pushed["index.positions"]["data"][0]["id"] == public_ids.encode(position.id)
        await sync_to_async(close_position)(client_id=trader.id, position_id=position.id)
        await in_thread("2900")
        # What a second of the engine says of the clients it touched.
        await sync_to_async(publish.clients_changed)([trader.id], ["index.positions"])
        while (await next_pushes(socket, {"index.positions"}))["index.positions"]["data"]:
            pass
        await socket.disconnect()

    try:
        async_to_sync(listen)()
    finally:
        redis_client().hdel(wire.LAST, "index.kline.sokemain", "index.market.sokemain")
        redis_client().hdel(wire.PRICES, str(desk.index.id))
