"""Codes, messages, pages and languages, whatever the call."""

import re
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common import public_ids
from contracts import services
from contracts.tests.desk import Desk
from market_making import queries as market_making
from soke_project import health
from tests.conftest import ROOT, Trader, order_form

OPEN = ["index/index", "index/config", "contract/indexes", "contract/index/market", "contract/index/kline"]
SIGNED_IN = [
    *("contract/positions", "contract/orders", "contract/position/logs", "contract/fill/logs"),
    *("fund/products", "fund/buy/logs", "fund/redeem/logs", "fund/reward/logs", "market/pledges"),
    *("index/payments", "index/withdrawals", "index/statement"),
]
# Reading calls that may be posted too.
EITHER = ["market/income/logs", "market/loss/logs", "power/reward/logs"]
# Lists with pages.
PAGED = [path for path in SIGNED_IN if path != "fund/products"]
POSTS = [
    *("auth/nonce", "auth/token", "auth/logout", "auth/refresh"),
    *(
        "index/recharge/order",
        "index/recharge",
        "index/withdraw",
        "market/pledge/order",
        "market/pledge",
        "market/pledge/cancel",
    ),
    *("contract/order/create", "contract/order/cancel", "contract/position/close"),
    *("fund/product/buy/order", "fund/product/buy", "fund/order/redeem", "power/start", "power/stop"),
    *("contract/order/quote", "contract/position/protect"),
]


def failed(response: Any, code: int, message: str, reason: str, status: int | None = None) -> dict[str, Any]:
    assert response.status_code == (status or code), response.content
    assert response["Content-Type"] == "application/json"
    body: dict[str, Any] = response.json()
    assert (body["code"], body["message"], body["reason"]) == (code, message, reason)
    assert "data" not in body
    return body


@pytest.mark.parametrize(
    "path", ["", "nothing", "index/index/", "Index/index", "contract/order", "%00", "%ff", "..;/x"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
def test_an_unknown_path_is_404(method: str, path: str) -> None:
    body = failed(
        getattr(APIClient(enforce_csrf_checks=True), method)(f"/api/v1/{path}"), 404, "路径不存在", "unknown_path"
    )
    assert list(body) == ["code", "message", "reason"]


def test_outside_the_api_too() -> None:
    failed(APIClient().get("/nothing"), 404, "路径不存在", "unknown_path")


@pytest.mark.parametrize("path", [*OPEN, *SIGNED_IN])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_a_reading_call_reads(db: None, method: str, path: str) -> None:
    response = getattr(APIClient(), method)(ROOT + path)
    failed(response, 405, "请求方法不允许", "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "trace"])
def test_an_acting_call_acts(db: None, method: str, path: str) -> None:
    response = getattr(APIClient(), method)(ROOT + path)
    failed(response, 405, "请求方法不允许", "method_not_allowed")
    assert response["Allow"] == "POST"


@pytest.mark.parametrize("path", EITHER)
@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_a_reading_call_that_may_be_posted(db: None, method: str, path: str) -> None:
    response = getattr(APIClient(), method)(ROOT + path)
    failed(response, 405, "请求方法不允许", "method_not_allowed")
    for method in ("get", "post"):
        failed(getattr(APIClient(), method)(ROOT + path), 401, "认证失败", "unauthenticated")


def test_head_is_get_without_its_body(db: None) -> None:
    response = APIClient().head(ROOT + "index/index")
    assert (response.status_code, response.content) == (200, b"")
    assert APIClient().head(ROOT + "auth/nonce").status_code == 405


@pytest.mark.parametrize(
    "path", [*SIGNED_IN, *EITHER, *(path for path in POSTS if path not in ("auth/nonce", "auth/token"))]
)
def test_who_is_not_signed_in_is_401(db: None, path: str) -> None:
    method = "get" if path in SIGNED_IN else "post"
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic eDp4"}):
        response = getattr(APIClient(headers=headers), method)(ROOT + path)
        body = failed(response, 401, "认证失败", "unauthenticated")
        assert list(body) == ["code", "message", "reason"]


@pytest.mark.parametrize("path", OPEN)
def test_a_bad_token_is_401_on_open_calls_too(db: None, path: str) -> None:
    response = APIClient(headers={"authorization": "Bearer x"}).get(ROOT + path)
    body = failed(response, 401, "认证失败", "unauthenticated")
    assert body.get("status_code") == (401 if path == "index/index" else None)


def test_wrong_fields_are_named(trader: Trader) -> None:
    response = trader.api().post(ROOT + "contract/order/create", {"id": "x", "volume": 0}, format="json")
    body = failed(response, 400, "参数校验错误", "invalid")
    assert list(body) == ["code", "message", "reason", "errors"]
    assert set(body["errors"]) == {"id", "direction", "price_type", "volume"}
    for sentences in body["errors"].values():
        assert [type(sentence) for sentence in sentences] == [str]
        assert re.search("[一-鿿]", sentences[0]), sentences


def test_somebody_elses_object_is_not_found(desk: Desk, trader: Trader) -> None:
    for query in ({"id": 1}, {"id": public_ids.encode(desk.index.id + 1000)}):
        response = APIClient().get(ROOT + "contract/index/market", query)
        assert list(failed(response, 400, "参数校验错误", "not_found")["errors"]) == ["id"]


def test_a_refusal_is_500_on_200(desk: Desk, trader: Trader) -> None:
    response = trader.api().post(ROOT + "contract/order/create", order_form(desk, volume=10**6), format="json")
    body = failed(response, 500, "余额不足。", "insufficient_balance", status=200)
    assert list(body) == ["code", "message", "reason"]


@pytest.mark.parametrize("who", ["visitor", "client"])
def test_too_many_requests_are_429(settings: Any, trader: Trader, who: str) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "read": (2, 3600)}
    api = trader.api() if who == "client" else APIClient()
    assert [api.get(ROOT + "contract/indexes").status_code for _ in range(2)] == [200, 200]
    response = api.get(ROOT + "index/index")
    assert failed(response, 429, "请求过多", "throttled")["status_code"] == 429
    assert 1 <= int(response["Retry-After"]) <= 3600
    # Nobody else pays for it.
    other = APIClient() if who == "client" else trader.api()
    assert other.get(ROOT + "contract/indexes").status_code == 200


def test_orders_are_counted_by_themselves(settings: Any, desk: Desk, trader: Trader) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "order": (1, 3600)}
    assert trader.post("contract/order/create", order_form(desk))["code"] == 200
    assert trader.post("contract/order/create", order_form(desk))["code"] == 429
    assert trader.get("contract/orders")["page"]["total"] == 1


class TestUnforeseen:
    """Something breaks inside: HTTP 500, a request id, and nothing of the inside."""

    @staticmethod
    def breaking(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the secret of table accounts_client")

    def told(self, response: Any) -> dict[str, Any]:
        body = failed(response, 500, "操作失败", "unforeseen", status=500)
        assert re.fullmatch("[0-9a-f]{32}", body["request_id"])
        assert response["X-Request-Id"] == body["request_id"]
        assert "secret" not in response.content.decode()
        assert b"Traceback" not in response.content
        return body

    def test_in_a_reading_call(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(market_making, "figures", self.breaking)
        assert self.told(APIClient().get(ROOT + "index/index"))["status_code"] == 500

    def test_in_an_order(self, desk: Desk, trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "place_order", self.breaking)
        for headers in ({}, {"idempotency-key": "a"}):
            api = trader.api(**headers)
            body = self.told(api.post(ROOT + "contract/order/create", order_form(desk), format="json"))
            assert list(body) == ["code", "message", "reason", "request_id"]

    def test_outside_the_api(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health.health, "failures", self.breaking)
        self.told(Client(raise_request_exception=False).get("/readyz"))


class TestPages:
    def page(self, trader: Trader, **query: Any) -> dict[str, Any]:
        body = trader.get("contract/orders", query)
        assert body["code"] == 200, body
        return body

    def test_of_a_list(self, desk: Desk, trader: Trader) -> None:
        body = order_form(desk, price_type="limit", price="2000", volume=1)
        ids = [trader.post("contract/order/create", body)["data"]["id"] for _ in range(12)]
        first = self.page(trader)
        assert first["page"] == {"total": 12, "count": 10, "per_page": 10, "current_page": 1, "total_pages": 2}
        second = self.page(trader, page=2)
        assert second["page"] == {"total": 12, "count": 2, "per_page": 10, "current_page": 2, "total_pages": 2}
        assert [row["id"] for row in first["data"] + second["data"]] == ids[::-1]
        fives = self.page(trader, page="3", per_page="5")
        assert fives["page"] == {"total": 12, "count": 2, "per_page": 5, "current_page": 3, "total_pages": 3}
        assert self.page(trader, per_page=1000)["page"]["per_page"] == 100
        for far in (4, 10**9, 10**17):
            beyond = self.page(trader, page=far)
            assert beyond["data"] == []
            assert beyond["page"] == {"total": 12, "count": 0, "per_page": 10, "current_page": far, "total_pages": 2}

    def test_of_nothing(self, trader: Trader) -> None:
        body = trader.get("contract/positions")
        assert body["data"] == []
        assert body["page"] == {"total": 0, "count": 0, "per_page": 10, "current_page": 1, "total_pages": 1}

    @pytest.mark.parametrize("value", ["0", "-1", "abc", "1e3", "1.0", "", " 1", "+1", "１", "²", "9" * 40, "\x00"])
    @pytest.mark.parametrize("name", ["page", "per_page"])
    @pytest.mark.parametrize("path", PAGED)
    def test_no_positive_integer(self, trader: Trader, path: str, name: str, value: str) -> None:
        response = trader.api().get(ROOT + path, {name: value})
        assert list(failed(response, 400, "参数校验错误", "invalid")["errors"]) == [name]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "认证失败"),
        ("zh-CN", "认证失败"),
        ("fr", "认证失败"),
        ("x" * 5000, "认证失败"),
        ("en", "Authentication failed"),
        ("en-GB,en;q=0.9", "Authentication failed"),
        ("fr, en;q=0.5", "Authentication failed"),
    ],
)
def test_languages(db: None, header: str | None, message: str) -> None:
    api = APIClient(headers={} if header is None else {"accept-language": header})
    assert api.get(ROOT + "contract/orders").json()["message"] == message


@pytest.mark.parametrize("form", ["json", "multipart", "application/x-www-form-urlencoded"])
def test_every_form_of_body(desk: Desk, trader: Trader, form: str) -> None:
    body = order_form(desk, price_type="limit", price="2700.5")
    if "/" in form:
        encoded = "&".join(f"{key}={value}" for key, value in body.items())
        response = trader.api().post(ROOT + "contract/order/create", encoded, content_type=form)
    else:
        response = trader.api().post(ROOT + "contract/order/create", body, format=form)
    assert response.json()["data"]["price"] == "2700.5"


def test_numbers_are_read_as_they_were_written(desk: Desk, trader: Trader) -> None:
    def send(path: str, body: str) -> dict[str, Any]:
        answer: dict[str, Any] = trader.api().post(ROOT + path, body, content_type="application/json").json()
        return answer

    fields = f'"id":"{public_ids.encode(desk.index.id)}","direction":"buy","price_type":"limit","volume":"3"'
    assert send("contract/order/create", f'{{{fields},"price":2700.1}}')["data"]["price"] == "2700.1"
    assert send("index/recharge/order", '{"amount":1.10}')["data"]["amount"] == "1.100000"
    assert list(send("index/recharge/order", '{"amount":0.3e1}')["errors"]) == ["amount"]


@pytest.mark.parametrize("price", [None, "", "x", -1, [], {"a": 1}, True, 0.1])
def test_a_market_orders_price_is_ignored(desk: Desk, trader: Trader, price: object) -> None:
    assert trader.post("contract/order/create", order_form(desk, price=price))["code"] == 200


@pytest.mark.parametrize("price", ["", "x", "[" * 5000])
def test_a_market_orders_price_is_ignored_in_a_form(desk: Desk, trader: Trader, price: str) -> None:
    answer = trader.api().post(ROOT + "contract/order/create", order_form(desk, price=price)).json()
    assert answer["code"] == 200, answer


def test_json_whatever_is_accepted(db: None) -> None:
    for accepted in ("text/html", "application/xml", "nonsense", "*/*;q=0"):
        response = APIClient(headers={"accept": accepted}).get(ROOT + "index/index")
        assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_another_hosts_name_is_400(db: None) -> None:
    failed(APIClient().get(ROOT + "index/index", headers={"host": "evil.example"}), 400, "参数校验错误", "invalid")
