"""The worked examples of docs/contracts.md through services, engine and API, every figure of them.

A pool of 100,000, a client with 20,000, the usual terms. What a settlement makes of such books is shown where the
settlement is.
"""

from decimal import Decimal as D
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Client
from common import public_ids
from contracts.models import Fill, Order
from contracts.rules import BUY, SELL
from contracts.tests.desk import Desk
from market_making.book import PoolBook
from market_making.models import Pledge

pytestmark = pytest.mark.django_db

BIG = {"lever": 1, "contract_size": D(1)}


class Example:
    """A client's doings at ticks, and every figure that comes of them."""

    def __init__(self, price: str = "1000", **terms: Any) -> None:
        self.desk = Desk(price, **terms)
        self.client = self.desk.client("20000")
        self.side = BUY

    def api(self) -> APIClient:
        token = tokens.issue(Client.objects.get(id=self.client).id).access_token
        return APIClient(headers={"authorization": f"Bearer {token}"})

    def buy(self, volume: int, tick: str = "1000") -> "Example":
        return self._open(BUY, volume, tick)

    def sell(self, volume: int, tick: str = "1000") -> "Example":
        return self._open(SELL, volume, tick)

    def _open(self, side: int, volume: int, tick: str) -> "Example":
        self.side, self.order = side, self.desk.order(self.client, side, volume)
        self.hold = self.desk.held(self.client)
        self.desk.tick(tick)
        return self

    def close(self, tick: str, volume: int | None = None) -> "Example":
        position = self.desk.position(self.client, self.side)
        assert position is not None
        self.order = self.desk.close(self.client, position, volume)
        self.desk.tick(tick)
        return self

    def tick(self, price: str) -> "Example":
        self.desk.tick(price)
        return self

    def books(self) -> str:
        """available, pool_result, incentive, revenue, E, R, U."""
        book = PoolBook.locked()
        return _written(self.desk.available(self.client), *self.desk.books(), book.profit)

    def position(self) -> str:
        """What the API says and, of what it does not, notional, bound and cap price."""
        [row] = self.api().get("/api/v1/contract/positions").json()["data"]
        found = self.desk.position(self.client, self.side)
        assert found is not None
        bounds = PoolBook.locked().of(self.desk.index.id, self.side).bound
        shown = (row[k] for k in ("position_volume", "open_price", "position_amount", "liquidation_price"))
        return " ".join(
            [
                *map(str, shown),
                f"| {found.notional:.6f} {bounds:.6f} {found.cap_price:.4f}",
                f"| {row['profit_unreal']} {row['profit_rate']}",
            ]
        )

    def fill(self) -> str:
        """Exit price; exit notional, profit, fee and liquidation fee of the last fill."""
        fill = Fill.objects.latest("id")
        return f"{fill.price:.4f} {_written(fill.notional, fill.profit, fill.fee, fill.liquidation_fee)}"


def _written(*amounts: D) -> str:
    return " ".join(f"{amount:.6f}" for amount in amounts)


def averaged() -> Example:
    return Example().buy(700).buy(300, "1010.3333")


OPENS = {
    "1 long": (
        lambda: Example().buy(1000),
        "510.050000",
        "1000 1000.2 500.100000 955.6361 | 10002.000000 4500.900000 1450.2900 | -2.000000 -0.004",
        "19494.899000 1.500300 1.500300 2.000400 100001.500300 4500.900000 -2.000000",
    ),
    "3 short": (
        lambda: Example().sell(1000),
        "510.050000",
        "1000 999.8 499.900000 1043.8389 | 9998.000000 4499.100000 549.8900 | -2.000000 -0.004",
        "19495.101000 1.499700 1.499700 1.999600 100001.499700 4499.100000 -2.000000",
    ),
    "5 averaging": (
        averaged,
        None,
        "1000 1003.3006 501.650310 958.5986 | 10033.006200 4514.852790 1454.7858 | 70.326800 0.1402",
        "19493.333186 1.504951 1.504951 2.006602 100001.504951 4514.852790 70.326800",
    ),
    "6 partial close": (
        lambda: averaged().close("1011.1", 333),
        None,
        "667 1003.3006 334.600757 958.5986 | 6692.015135 3011.406813 1454.7858 | 52.021865 0.1555",
        "19683.997870 -23.288382 2.009894 2.679861 99976.711618 3011.406813 52.021865",
    ),
    "11 a sell's bound": (
        lambda: Example(**BIG).sell(10),
        None,
        "10 999.8 9998.000000 1988.2647 | 9998.000000 9998.000000 0.0000 | -2.000000 -0.0002",
        "9997.001000 1.499700 1.499700 1.999600 100001.499700 9998.000000 -2.000000",
    ),
}


@pytest.mark.parametrize("name", OPENS)
def test_what_is_open(name: str) -> None:
    play, hold, position, books = OPENS[name]
    example = play()
    assert hold is None or f"{example.hold:.6f}" == hold
    assert example.position() == position
    assert example.books() == books
    example.desk.clean()


CLOSES = {
    "2 long closed": (
        lambda: Example().buy(1000).close("1030"),
        "1029.7940 10297.940000 295.940000 5.148970 0.000000",
        "20285.790030 -292.895009 3.044991 4.059988 99707.104991 0.000000 0.000000",
    ),
    "4 short closed": (
        lambda: Example().sell(1000).close("970.5"),
        "970.6941 9706.941000 291.059000 4.853471 0.000000",
        "20281.206529 -288.103259 2.955741 3.940989 99711.896741 0.000000 0.000000",
    ),
    "6 partial close": (
        lambda: averaged().close("1011.1", 333),
        "1010.8977 3366.289341 25.298276 1.683145 0.000000",
        "19683.997870 -23.288382 2.009894 2.679861 99976.711618 3011.406813 52.021865",
    ),
    "7 liquidation without a gap": (
        lambda: Example().buy(1000).tick("955.6361"),
        "955.4449 9554.449000 -447.551000 4.777225 23.886123",
        "19518.784652 474.370590 2.933467 3.911291 100474.370590 0.000000 0.000000",
    ),
    "8 liquidation, small gap": (
        lambda: Example().buy(1000).tick("953"),
        "952.8094 9528.094000 -473.906000 4.764047 21.429953",
        "19494.899000 498.265467 2.929514 3.906019 100498.265467 0.000000 0.000000",
    ),
    "9 liquidation with gap": (
        lambda: Example().buy(1000).tick("900"),
        "899.8200 8998.200000 -500.100000 0.000000 0.000000",
        "19494.899000 501.600300 1.500300 2.000400 100501.600300 0.000000 0.000000",
    ),
    "10 cap": (
        lambda: Example().buy(1000).tick("1600"),
        "1599.6800 15996.800000 4500.900000 7.998400 0.000000",
        "24487.900600 -4497.000180 3.899820 5.199760 95502.999820 0.000000 0.000000",
    ),
}


@pytest.mark.parametrize("name", CLOSES)
def test_what_is_closed(name: str) -> None:
    play, fill, books = CLOSES[name]
    example = play()
    assert example.fill() == fill
    assert example.books() == books
    example.desk.clean()


def test_12_fee_shares() -> None:
    example = Example("777.7777").buy(7, "777.7777")
    assert example.fill() == "777.9333 54.455331 0.000000 0.027228 0.000000"
    assert _written(*example.desk.books()[:3]) == "0.008168 0.008168 0.010892"
    assert example.desk.margin(example.client) == D("2.722767")


def test_16_joining_at_the_value_of_the_moment() -> None:
    example = Example().buy(1000).tick("1010.7")
    book = PoolBook.locked()
    assert (book.units, book.value) == (D(100000), D("99896.500300"))
    joiner = example.desk.client("0")
    example.desk.pledge(joiner, "1000")
    units = Pledge.objects.get(client_id=joiner).units
    assert units == D("1001.036069328646941599")
    after = PoolBook.locked()
    assert after.equity == D("101001.500300")
    assert (units * after.value / after.units).quantize(D("0.000001"), "ROUND_FLOOR") == D("1000.000000")


def test_17_the_net_limit() -> None:
    example = Example().buy(4990).buy(20)
    assert example.desk.reason(example.order) == ("refused", "net_exposure")
    assert example.books() == "17479.546010 7.486497 7.486497 9.981996 100007.486497 22459.491000 -9.980000"


def test_the_documents_position_through_the_api() -> None:
    """open_price 2041.2132, last price 2803.371, lever 1."""
    example = Example("2041.2132", **BIG, spread=D(0))
    body = {"id": public_ids.encode(example.desk.index.id), "direction": "buy", "price_type": "market", "volume": 1}
    assert example.api().post("/api/v1/contract/order/create", body, format="json").json()["code"] == 200
    example.tick("2041.2132").tick("2803.371")
    assert Order.objects.get().status == "filled"
    [row] = example.api().get("/api/v1/contract/positions").json()["data"]
    shown = {k: row[k] for k in ("position_volume", "open_price", "position_amount", "profit_unreal", "profit_rate")}
    assert shown == {
        "position_volume": 1,
        "open_price": "2041.2132",
        "position_amount": "2041.213200",
        "profit_unreal": "762.157800",
        "profit_rate": "0.3734",
    }
    example.desk.clean()
