"""Whatever is sent to a call that acts: a proper answer, never an error of our own, and nothing changed."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given
from hypothesis import settings as run
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.tests.wallets import Wallet
from common import public_ids, sql
from contracts.tests.desk import Desk
from funds.tests.shop import bought, new_product, prepare
from tests.conftest import ROOT, Trader, new_trader, opened, order_form
from tests.test_envelope import POSTS

HASH = "0x" + "ab" * 32
# Fields by what they take; `logout`, `refresh` and `pledge/cancel` take none.
FIELDS: dict[str, dict[str, str]] = {
    "auth/nonce": {"address": "word"},
    "auth/token": {"address": "word", "signature": "word"},
    "index/recharge/order": {"amount": "decimal"},
    "index/recharge": {"no": "word", "id": "word"},
    "index/withdraw": {"amount": "decimal"},
    "market/pledge/order": {"amount": "decimal"},
    "market/pledge": {"no": "word", "id": "word"},
    "contract/order/create": {
        "id": "id",
        "direction": "word",
        "price_type": "word",
        "volume": "count",
        "price": "decimal",
    },
    "contract/order/cancel": {"id": "id"},
    "contract/position/close": {"id": "id", "volume": "count"},
    "fund/product/buy/order": {"id": "id", "period": "count", "volume": "count"},
    "fund/product/buy": {"no": "word", "id": "word"},
    "fund/order/redeem": {"id": "id"},
    "contract/position/protect": {"id": "id", "take_profit": "decimal", "stop_loss": "decimal"},
}
FIELDS["contract/order/quote"] = FIELDS["contract/order/create"]
# A null is none of them.
NULLABLE = {"price", "take_profit", "stop_loss"}
OPTIONAL = {
    "contract/position/close": {"volume"},
    "contract/position/protect": {"take_profit", "stop_loss"},
    "fund/product/buy/order": {"period", "volume"},
}
# As JSON. No field takes any of these; what one kind may take stands in OTHERS.
NEVER = [
    *("null", "true", "false", "[]", "{}", "[1]", '["buy"]', '{"a":1}', '""', '" "', '"x"', '"\\u0000"', '"1\\u0000"'),
    *("-1", '"-1"', '"+1"', "-0", "1e3", '"1e3"', '"1E3"', "1e400", "1E-7", "-1e400", "1e99999999", '"NaN"'),
    *('"１２"', '"٣"', '"²"', '"0x10"', '"1_000"', '"1,000"', '" 1"', '"1 "', '"1\\n"', '"1.0.0"', '".5"', '"5."'),
    *('"Infinity"', "1.0000001", '"1.0000001"', "1" * 30, f'"{"9" * 400}"', "[[[[1]]]]", '"true"', '"null"', '"🙂"'),
]
OTHERS = {
    "word": ["0", "1", "1.5", '"0"', '"BUY"', '" buy"'],
    "decimal": ["0", '"0"', "0.0", '"0.0000001"', '"1234567890123"'],
    "count": ["0", '"0"', "1.0", "1.5", '"1.5"', "10000000000"],
    "id": ["0", "1.0", "1.5", '"1.5"', "9223372036854775808", '"9223372036854775807"'],
}
MALFORMED = [
    *(b"[]", b"null", b"true", b"1", b'"text"', b"{", b"}", b"{'amount':1}", b'{"amount":1,}', b"\x00"),
    *(b"\xff", b'{"amount":"\xff"}', b'{"amount":NaN}', b'{"amount":Infinity}', b'{"amount":-Infinity}'),
    *(
        b'{"amount":01}',
        b'{"amount":1}x',
        b'{"amount":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a\\u0000":1}',
        b'{"junk":"\\u0000"}',
        b"\xef\xbb\xbf{}",
    ),
    *(b"[" * 30_000, b'{"a":' * 10_000, b'{"junk":' + b"[" * 900 + b"]" * 900 + b"}", b"9" * 60_000),
    '{"amount":"1"}'.encode("utf-16"),
]


@pytest.fixture(autouse=True)
def unthrottled(settings: Any) -> None:
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, (10**9, 60))


def state() -> dict[str, str]:
    """A digest of every table."""
    tables = sorted(model._meta.db_table for model in apps.get_models())
    digests = " UNION ALL ".join(
        f"""SELECT '{table}', coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM "{table}" AS t"""
        for table in tables
    )
    return dict(sql.rows(digests))


def good_body(path: str, desk: Desk, trader: Trader) -> dict[str, Any]:
    """What the call would accept."""
    if path.startswith("auth/"):
        return {"address": Wallet().address, "signature": "0x" + "00" * 65}
    if path.endswith(("recharge", "pledge")):
        order = trader.post(f"{path}/order", {"amount": "50"})
        return {"no": order["data"]["no"], "id": HASH}
    if path.endswith(("recharge/order", "pledge/order", "withdraw")):
        return {"amount": "50"}
    if path == "fund/product/buy/order":
        return {"id": public_ids.encode(new_product().id), "period": 3, "volume": 2}
    if path == "fund/product/buy":
        return {"no": prepare(trader.id, new_product()).payment.no, "id": HASH}
    if path == "fund/order/redeem":
        return {"id": public_ids.encode(bought(trader.id, new_product()).id)}
    if path.endswith("cancel"):
        limit = order_form(desk, price_type="limit", price="2000")
        return {"id": trader.post("contract/order/create", limit)["data"]["id"]}
    if path.endswith("protect"):
        return {"id": public_ids.encode(opened(desk, trader).id), "take_profit": "2900", "stop_loss": "2750"}
    if path.endswith("close"):
        return {"id": public_ids.encode(opened(desk, trader).id), "volume": 1}
    return order_form(desk, price_type="limit", price="2000")


def send(trader: Trader, path: str, body: bytes, kind: str = "application/json", **headers: str) -> Any:
    return trader.api(**headers).generic("POST", ROOT + path, body, content_type=kind)


def proper(response: Any, about: object = "") -> dict[str, Any]:
    """An envelope of ours, whatever it says."""
    assert response.status_code in (200, 400, 401), (about, response.content)
    body: dict[str, Any] = response.json()
    assert type(body["code"]) is int, about
    assert type(body["message"]) is str, about
    if body["code"] == 400:
        assert body["reason"], about
        for field, sentences in body["errors"].items():
            assert type(field) is str, about
            assert sentences, about
            assert all(type(sentence) is str for sentence in sentences), about
    return body


def refused(response: Any, about: object = "") -> dict[str, Any]:
    body = proper(response, about)
    assert (response.status_code, body["code"]) == (400, 400), (about, response.content)
    return body


def test_every_acting_call_is_attacked() -> None:
    bodiless = {"auth/logout", "auth/refresh", "market/pledge/cancel", "power/start", "power/stop"}
    assert set(POSTS) == FIELDS.keys() | bodiless


@pytest.mark.parametrize("path", FIELDS)
def test_values_that_no_field_takes(desk: Desk, trader: Trader, path: str) -> None:
    good = good_body(path, desk, trader)
    before = state()
    for field, kind in FIELDS[path].items():
        for text in [*NEVER, *OTHERS[kind]]:
            if text == "null" and field in NULLABLE:
                continue  # none; that a limit order needs a price is another test's
            others = "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in good.items() if key != field)
            body = refused_or_unsigned(send(trader, path, f'{{"{field}":{text}{others}}}'.encode()), (field, text))
            if body["code"] == 400:
                assert list(body["errors"]) in ([field], ["non_field_errors"]), (text, body)
    assert state() == before


def refused_or_unsigned(response: Any, about: object) -> dict[str, Any]:
    """Any text may be meant as a signature: then it is a wrong one."""
    body = proper(response, about)
    assert body["code"] == 400 or (body["code"] == 401 and "signature" in about), (about, body)
    return body


@pytest.mark.parametrize("path", FIELDS)
def test_missing_fields(desk: Desk, trader: Trader, path: str) -> None:
    good = good_body(path, desk, trader)
    optional = OPTIONAL.get(path, set())
    before = state()
    for field in FIELDS[path].keys() - optional:
        body = {key: value for key, value in good.items() if key != field}
        assert list(refused(send(trader, path, json.dumps(body).encode()))["errors"]) == [field]
    assert set(refused(send(trader, path, b""))["errors"]) >= FIELDS[path].keys() - optional - {"price"}
    assert state() == before


@pytest.mark.parametrize("path", FIELDS)
def test_malformed_bodies(desk: Desk, trader: Trader, path: str) -> None:
    good = json.dumps(good_body(path, desk, trader)).encode()
    field = next(iter(FIELDS[path]))
    twice = good[:-1] + f',"{field}":"1"}}'.encode()
    long = good[:-1] + b',"junk":"' + b"a" * 70_000 + b'"}'
    before = state()
    for body in [*MALFORMED, twice, long, good + b" " * 70_000]:
        for headers in ({}, {"idempotency-key": "k"}):
            refused(send(trader, path, body, **headers), body[:60])
    assert state() == before


@pytest.mark.parametrize("path", FIELDS)
def test_foreign_content_types(desk: Desk, trader: Trader, path: str) -> None:
    good = json.dumps(good_body(path, desk, trader)).encode()
    before = state()
    for kind in ("text/plain", "application/xml", "application/json-patch+json", "nonsense", "", "*/*", "é"):
        refused(send(trader, path, good, kind), kind)
    form = "application/x-www-form-urlencoded"
    for body in (b"amount=%00", b"amount=%ff&id=%ff", b"=&=&&", b"a=1&" * 2000, b"amount=1&junk=" + b"a" * 70_000):
        for charset in ("", "; charset=utf-16", "; charset=hex", "; charset=idna", "; charset=nonsense"):
            refused(send(trader, path, body, form + charset), (body[:20], charset))
    part = b'--x\r\nContent-Disposition: form-data; name="amount"\r\n'
    parted = "multipart/form-data; boundary="
    for boundary, body in [
        ("", b"x"),
        ("x", b""),
        ("x", b"--x"),
        ("x", b"--x\r\n\r\n\r\n--x--"),
        ("x", b"\xff\x00"),
        ("é", b"--x--"),
        ("x" * 300, b"--x--"),
        ("x; charset=hex", part + b"\r\n1\r\n--x--"),
        ("x", part + b"Content-Transfer-Encoding: base64\r\n\r\n!\r\n--x--"),
        ("x", part + b"\r\n" + b"a" * 70_000 + b"\r\n--x--"),
    ]:
        refused(send(trader, path, body, parted + boundary), (boundary, body[:40]))
    assert state() == before


@pytest.mark.parametrize("path", FIELDS)
def test_files_are_no_values(desk: Desk, trader: Trader, path: str) -> None:
    good = good_body(path, desk, trader)
    before = state()
    for field in FIELDS[path]:
        body = {**good, field: SimpleUploadedFile(str(good[field]), b"1")}
        refused(trader.api().post(ROOT + path, body, format="multipart"), field)
    assert state() == before


def test_somebody_elses_objects_are_not_found(desk: Desk, trader: Trader) -> None:
    stranger = new_trader(desk)
    bodies = {
        path: good_body(path, desk, trader)
        for path in (
            *("index/recharge", "market/pledge", "contract/order/cancel", "contract/position/close"),
            *("fund/product/buy", "fund/order/redeem"),
        )
    }
    before = state()
    for path, body in bodies.items():
        answer = refused(send(stranger, path, json.dumps(body).encode()), path)
        assert answer["reason"] == "not_found"
    for number in (1, 383064256, 2**31 - 1, 2**31, 2**63 - 1):
        for path in ("contract/order/cancel", "contract/position/close", "fund/order/redeem"):
            assert refused(send(stranger, path, b'{"id":%d}' % number))["reason"] == "not_found"
        body = json.dumps(order_form(desk, id=number)).encode()
        if public_ids.decode(number) != desk.index.id:
            assert refused(send(stranger, "contract/order/create", body))["reason"] == "not_found"
    assert state() == before


def test_a_disabled_index_takes_no_orders(desk: Desk, trader: Trader) -> None:
    desk.index.enabled = False
    desk.index.save()
    before = state()
    body = json.dumps(order_form(desk)).encode()
    assert refused(send(trader, "contract/order/create", body))["reason"] == "not_found"
    assert state() == before


def test_hostile_queries(desk: Desk, trader: Trader) -> None:
    known = public_ids.encode(desk.index.id)
    for text in ("", "x", "-1", "1e3", "１", "%00", "%ff", "9" * 400, "1.0", "[]", "true"):
        for path in (
            # An optional field that is empty is not there.
            *([f"contract/index/kline?id={known}&interval=1min&limit={text}"] if text else []),
            f"contract/index/market?id={text}",
            f"contract/index/kline?interval=1min&id={text}",
            f"contract/index/kline?id={known}&interval={text}",
            f"contract/index/kline?id={known}&interval=1min&from={text}",
            f"contract/index/kline?id={known}&interval=1min&to={text}",
            f"contract/orders?status={text}",
        ):
            refused(trader.api().get(ROOT + path), path)
    for query in ("interval=1min&limit=1501", "interval=1min&limit=0", "interval=2min"):
        refused(trader.api().get(f"{ROOT}contract/index/kline?id={known}&{query}"), query)
    far = trader.get("contract/index/kline", {"id": known, "interval": "1min", "from": 9 * 10**10, "to": 1})
    assert far["data"] == []


@pytest.mark.parametrize("key", ["", "é", "k" * 129, "a\tb", "\x7f", "钥"])
def test_keys_that_are_none(desk: Desk, trader: Trader, key: str) -> None:
    before = state()
    api = APIClient(HTTP_AUTHORIZATION=f"Bearer {trader.token}", HTTP_IDEMPOTENCY_KEY=key)
    response = api.post(ROOT + "contract/order/create", order_form(desk), format="json")
    assert list(refused(response, key)["errors"]) == ["Idempotency-Key"]
    assert state() == before


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["buy", "sell", "market", "limit", "1", "10", HASH]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
field_names = st.sampled_from(sorted({field for fields in FIELDS.values() for field in fields}))
bodies = st.binary(max_size=60) | st.dictionaries(field_names | st.text(max_size=5), json_values, max_size=6).map(
    lambda body: json.dumps(body).encode()
)


@run(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(path=st.sampled_from(sorted(FIELDS)), body=bodies)
def test_any_body_gets_a_proper_answer(desk: Desk, trader: Trader, path: str, body: bytes) -> None:
    proper(send(trader, path, body), (path, body))
