"""`contract/index/market`: as the engine encoded it, or from the database."""

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.services import sign_out
from common import public_ids, sql
from common.redis import client as redis_client
from common.sockets import wire
from contracts import present
from contracts.engine import news
from contracts.tests.desk import Desk

pytestmark = pytest.mark.django_db


def last_price(desk: Desk) -> str | None:
    """What the call says; None where there is no such index."""
    body = APIClient().get("/api/v1/contract/index/market", {"id": public_ids.encode(desk.index.id)}).json()
    return str(body["data"]["last_price"]) if body["code"] == 200 else None


def forget(desk: Desk) -> None:
    """As if no engine had ticked for some seconds."""
    redis_client().delete(wire.ANSWER + present.market_name(desk.index.id))


def test_the_engines_bytes_are_answered_while_they_are_fresh() -> None:
    desk = Desk("1000")
    desk.tick("1001")
    news.tell(desk.results)
    assert 0 < redis_client().pttl(wire.ANSWER + present.market_name(desk.index.id)) <= 3000
    sql.execute("UPDATE indexes_indexstate SET last_price = 999 WHERE index_id = %s", [desk.index.id])
    assert last_price(desk) == "1001"
    forget(desk)
    assert last_price(desk) == "999"


def test_both_ways_answer_the_same() -> None:
    desk = Desk("1000")
    desk.trade(desk.client("1000"), 1, 10)
    desk.tick("1001.5")
    news.tell(desk.results)
    query = {"id": public_ids.encode(desk.index.id)}
    encoded = APIClient().get("/api/v1/contract/index/market", query).content
    forget(desk)
    assert APIClient().get("/api/v1/contract/index/market", query).content == encoded


def test_an_index_that_is_not_listed_is_not_answered() -> None:
    desk = Desk("1000")
    sql.execute("UPDATE indexes_index SET enabled = false WHERE id = %s", [desk.index.id])
    desk.tick("1001")
    news.tell(desk.results)
    assert last_price(desk) is None


def test_a_token_is_believed_for_a_moment_where_anybody_may_read(settings) -> None:
    settings.MARKET_CACHE_SECONDS = 60
    desk = Desk("1000")
    issued = tokens.issue(desk.client("0"))
    api = APIClient(headers={"authorization": f"Bearer {issued.access_token}"})
    query = {"id": public_ids.encode(desk.index.id)}

    def codes() -> list[int]:
        found = [("contract/index/market", query), ("contract/positions", {})]
        return [api.get(f"/api/v1/{path}", data).json()["code"] for path, data in found]

    assert codes() == [200, 200]
    sign_out(tokens.verify(issued.access_token))
    assert codes() == [200, 401]
    assert APIClient(headers={"authorization": "Bearer x"}).get("/api/v1/contract/indexes").json()["code"] == 401


@pytest.mark.parametrize("call", ["market", "kline"])
def test_a_disabled_index_is_none(call: str) -> None:
    desk = Desk("1000")
    asked = {"id": public_ids.encode(desk.index.id), "interval": "1min"}
    assert APIClient().get(f"/api/v1/contract/index/{call}", asked).json()["code"] == 200
    desk.index.enabled = False
    desk.index.save()
    forget(desk)
    body = APIClient().get(f"/api/v1/contract/index/{call}", asked).json()
    assert (body["code"], body["reason"]) == (400, "not_found")
