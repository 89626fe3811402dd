"""Popups as clients meet them: 666 in place of the answer."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.wallets import Wallet
from common.redis import client as redis_client
from popups.memory import PREFIX
from popups.models import Popup
from tests.conftest import ROOT, Trader, new_trader, order_form
from tests.document import SAMPLES, differences
from tests.test_envelope import OPEN, POSTS, SIGNED_IN

pytestmark = pytest.mark.django_db
BUTTON = {"name": "立即更新", "type": "url", "value": "https://testflight.apple.com/join/kEf897k0"}


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    for key in redis_client().scan_iter(f"{PREFIX}*", count=1000):
        redis_client().delete(key)


def popup(**fields: Any) -> Popup:
    """The document's update, for everybody, which cannot be closed."""
    usual = {
        "kind": "update",
        "title": "更新提醒",
        "content": "发现新版本，请立即更新!",
        "is_cancel": False,
        "buttons": [BUTTON],
        "enabled": True,
        "starts_at": timezone.now() - timedelta(minutes=1),
    }
    made = Popup(**{**usual, **fields})
    made.full_clean()
    made.save()
    return made


def every_call(api: APIClient, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    found = [(path, api.get(ROOT + path).json()) for path in [*OPEN, *SIGNED_IN]]
    return found + [(path, api.post(ROOT + path, fields, format="json").json()) for path in POSTS]


def test_it_takes_the_place_of_every_answer(trader: Trader) -> None:
    popup()
    for api in (trader.api(), APIClient()):
        for path, body in every_call(api):
            assert list(differences("popup_update", body)) == [], path
            assert body == {**SAMPLES["popup_update"], "code": 666}, path


def test_of_two_the_update_comes_first(trader: Trader) -> None:
    popup(kind="notice", title="a")
    popup(title="b")
    popup(title="c")
    popup(kind="notice", title="d", client_id=trader.id)
    assert trader.get("contract/orders")["data"]["title"] == "c"
    Popup.objects.filter(kind="update").delete()
    assert trader.get("contract/orders")["data"]["title"] == "d"
    assert APIClient().get(ROOT + "contract/indexes").json()["data"]["title"] == "a"


@pytest.mark.parametrize(
    ("fields", "headers", "shown"),
    [
        ({"enabled": False}, {}, False),
        ({"starts_at": timezone.now() + timedelta(hours=1)}, {}, False),
        ({"ends_at": timezone.now() + timedelta(hours=1)}, {}, True),
        ({"starts_at": timezone.now() - timedelta(2), "ends_at": timezone.now() - timedelta(1)}, {}, False),
        ({"platforms": ["ios"]}, {}, False),
        ({"platforms": ["ios"]}, {"x-app-platform": "Android"}, False),
        ({"platforms": ["ios", "android"]}, {"x-app-platform": "iOS"}, True),
        ({"version_to": "1.4"}, {}, False),
        ({"version_to": "1.4", "also_unknown": True}, {}, True),
        ({"version_to": "1.4"}, {"x-app-version": "1.4.0"}, True),
        ({"version_to": "1.4"}, {"x-app-version": "1.10"}, False),
        ({"version_from": "1.4"}, {"x-app-version": "\x00" * 9}, False),
        ({"kind": "ban"}, {}, False),
    ],
)
def test_whom_it_fits(trader: Trader, fields: dict[str, Any], headers: dict[str, str], shown: bool) -> None:
    popup(**fields)
    assert (trader.get("contract/orders", **headers)["code"] == 666) is shown


def test_one_for_one_client_is_for_nobody_else(desk: Any, trader: Trader) -> None:
    popup(client_id=trader.id)
    assert trader.get("contract/orders")["code"] == 666
    assert new_trader(desk, "0").get("contract/orders")["code"] == 200
    visitor = APIClient()
    assert visitor.get(ROOT + "contract/indexes").json()["code"] == 200
    # Before sign-in it goes by the address that is claimed, in any case.
    for written in (trader.wallet.address, trader.wallet.address.lower()):
        assert visitor.post(ROOT + "auth/nonce", {"address": written}, format="json").json()["code"] == 666
    for other in (Wallet().address, "", 7, ["x"], "\x00", "x" * 9000):
        assert visitor.post(ROOT + "auth/nonce", {"address": other}, format="json").json()["code"] in (200, 400)


def test_one_that_can_be_closed_comes_once_in_24_hours_on_the_home_page(trader: Trader) -> None:
    notice = popup(kind="notice", is_cancel=True)
    assert trader.get("contract/orders")["code"] == 200
    assert trader.api().head(ROOT + "index/index").status_code == 200
    assert [trader.get("index/index")["status_code"] for _ in range(3)] == [666, 200, 200]
    [key] = redis_client().scan_iter(f"{PREFIX}{notice.pk}:*")
    assert 86_000 < redis_client().ttl(key) <= 86_400
    redis_client().delete(key)
    assert trader.get("index/index")["code"] == 666
    # A second one has its own turn.
    popup(kind="notice", is_cancel=True, title="another")
    assert trader.get("index/index")["data"]["title"] == "another"
    assert trader.get("index/index")["code"] == 200


def test_a_visitor_sees_it_once_a_device_else_each_time() -> None:
    popup(kind="notice", is_cancel=True)
    api = APIClient()

    def codes(**headers: str) -> list[int]:
        return [api.get(ROOT + "index/index", headers=headers).json()["code"] for _ in range(2)]

    assert codes() == [666, 666]
    assert codes(**{"x-device-id": "one"}) == [666, 200]
    assert codes(**{"x-device-id": "two"}) == [666, 200]


def test_an_order_behind_a_popup_is_not_placed(desk: Any, trader: Trader) -> None:
    held = popup()
    key = {"idempotency-key": "once"}
    assert trader.post("contract/order/create", order_form(desk), **key)["code"] == 666
    held.enabled = False
    held.save()
    # Nor was anything kept for the repeat.
    assert trader.post("contract/order/create", order_form(desk), **key)["code"] == 200


def test_without_popups_a_call_costs_no_query_more(
    desk: Any, trader: Trader, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.MARKET_CACHE_SECONDS = 60
    trader.get("contract/orders")
    with django_assert_num_queries(2):  # the token, and the count of no rows
        trader.get("contract/orders")


@pytest.mark.parametrize(
    "buttons",
    [
        [BUTTON] * 4,
        ["x"],
        [{"name": "x"}],
        [{**BUTTON, "more": 1}],
        [{**BUTTON, "name": " "}],
        [{**BUTTON, "name": "x" * 25}],
        [{**BUTTON, "type": "script"}],
        *([{**BUTTON, "value": value}] for value in ("javascript:alert(1)", "//x", "https://", "https://a b", "x", 7)),
        [{**BUTTON, "value": "https://[x"}],
        [{**BUTTON, "value": "https://x/" + "x" * 500}],
    ],
)
def test_buttons_are_checked(buttons: Any) -> None:
    with pytest.raises(ValidationError):
        popup(buttons=buttons)


@pytest.mark.parametrize(
    "value", ["https://x.example/a?b=c", "itms-apps://itunes.apple.com/app/id1", "market://details"]
)
def test_buttons_that_lead_somewhere(value: str) -> None:
    popup(buttons=[{**BUTTON, "value": value}])


@pytest.mark.parametrize(
    "fields",
    [{"kind": "ban", "is_cancel": True}, {"kind": "else"}, {"ends_at": timezone.now() - timedelta(days=9)}],
)
def test_the_database_refuses_what_makes_no_sense(fields: dict[str, Any]) -> None:
    good = copy.copy(popup())
    good.pk = None
    for name, value in fields.items():
        setattr(good, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        good.save(force_insert=True)
