"""Private channels: signing in by three ways, changes, ticks, and how a token ends."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from common.redis import client as redis_client
from common.sockets import publish
from common.tests.socket_server import channel, client, push, server, token

HOLDINGS, LOADS, ENDED = "soke:test:holdings", "soke:test:loads", "soke:test:ended"
_clients = itertools.count(time.time_ns() // 1_000_000)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as found:
        yield found


@pytest.fixture
def who() -> int:
    return next(_clients)


def hold(client_id: int, **holdings: Any) -> None:
    redis_client().hset(HOLDINGS, str(client_id), orjson.dumps({key[1:]: value for key, value in holdings.items()}))
    publish.clients_changed([client_id], ["test.own"])


def loads(client_id: int) -> int:
    return int(redis_client().hget(LOADS, str(client_id)) or 0)


def test_without_sign_in_private_channels_are_401(address: str) -> None:
    with client(address) as socket:
        answer = socket.ask(sub="test.own", id=3)
        assert (answer["id"], answer["status"], answer["code"]) == (3, "error", 401)


def test_sign_in_by_a_message(address: str, who: int) -> None:
    with client(address) as socket:
        bad = socket.ask(auth="nonsense", id=1)
        assert (bad["id"], bad["status"], bad["code"]) == (1, "error", 401)
        good = socket.ask(auth=token(who)[0], id=2)
        assert good == {"id": 2, "status": "ok", "auth": f"0x{who}", "ts": good["ts"]}
        assert socket.ask(auth="nonsense")["code"] == 401
        assert socket.ask(sub="test.own")["subbed"] == "test.own"
        assert socket.hear()["data"] == []


def test_sign_in_in_the_handshake(address: str, who: int) -> None:
    signed = token(who)[0]
    for uri, headers in (
        (f"{address}?token={signed}", {}),
        (address, {"Authorization": f"Bearer {signed}"}),
    ):
        with client(uri, additional_headers=headers) as socket:
            assert socket.ask(sub="test.own")["status"] == "ok"
            assert socket.hear()["data"] == []


def test_a_bad_token_in_the_handshake_is_an_error_frame(address: str) -> None:
    for uri, headers in (
        (f"{address}?token=bad", {}),
        (address, {"Authorization": "Bearer bad"}),
        (address, {"Authorization": "Basic eDp5"}),
    ):
        with client(uri, additional_headers=headers) as socket:
            assert socket.hear()["code"] == 401
            assert socket.ask(ping=1) == {"pong": 1}


def test_changes_and_ticks_are_pushed_and_a_tick_loads_nothing(address: str, who: int) -> None:
    publish.ticks({1: "10", 2: "20"})
    hold(who, i1="2")
    with client(f"{address}?token={token(who)[0]}") as socket, client(f"{address}?token={token(who)[0]}") as other:
        for each in (socket, other):
            each.ask(sub="test.own")
            assert each.hear()["data"] == [{"index": 1, "worth": "20"}]
        for price in ("11", "12", "13"):
            publish.ticks({1: price, 2: "20"})
            assert socket.hear()["data"] == other.hear()["data"] == [{"index": 1, "worth": str(2 * int(price))}]
        publish.ticks({2: "21"})
        assert socket.silent()
        assert loads(who) == 1
        hold(who)
        assert socket.hear() == other.hear() | {"data": []}
        assert loads(who) == 2


def test_who_comes_back_sees_the_current_state_at_once(address: str, who: int) -> None:
    name = channel()
    for volume in ("1", "2", "3"):
        # What happened while the client was away.
        push(name, volume)
        publish.ticks({8: "10"})
        hold(who, i8=volume)
        with client(f"{address}?token={token(who)[0]}") as socket:
            assert socket.ask(sub=name)["subbed"] == name
            assert socket.hear()["data"] == volume
            assert socket.ask(sub="test.own")["subbed"] == "test.own"
            assert socket.hear()["data"] == [{"index": 8, "worth": str(10 * int(volume))}]


def test_changes_in_a_row_are_loaded_together(address: str, who: int) -> None:
    with client(f"{address}?token={token(who)[0]}") as socket:
        socket.ask(sub="test.own")
        socket.hear()
        redis_client().hset(HOLDINGS, str(who), b'{"5":"1"}')
        publish.clients_changed([who] * 100, ["test.own"])
        assert socket.hear()["data"] == [{"index": 5, "worth": "0"}]
        assert socket.silent()
        assert loads(who) <= 3


def test_nobody_sees_another_client(address: str, who: int) -> None:
    stranger = next(_clients)
    with client(f"{address}?token={token(who)[0]}") as socket:
        socket.ask(sub="test.own")
        socket.hear()
        hold(stranger, i1="1")
        assert socket.silent()
        # Signing in as somebody else ends the first one's channels.
        assert socket.ask(auth=token(stranger)[0])["auth"] == f"0x{stranger}"
        hold(who, i1="5")
        assert socket.silent()
        socket.ask(sub="test.own")
        assert socket.hear()["data"][0]["index"] == 1


def _ends(socket, who: int, reason: str) -> None:
    answer = socket.hear()
    assert (answer["status"], answer["code"], answer["reason"]) == ("error", 401, reason)
    hold(who, i1="9")
    assert socket.silent()
    assert socket.ask(sub="test.own")["code"] == 401


def test_an_expired_token_ends_the_private_channels_only(address: str, who: int) -> None:
    name = channel()
    with client(f"{address}?token={token(who, seconds=1)[0]}") as socket:
        socket.ask(sub="test.own")
        socket.hear()
        socket.ask(sub=name)
        _ends(socket, who, "token_expired")
        push(name, 1)
        assert socket.hear()["data"] == 1


def test_a_revoked_token_ends_its_own_sockets_only(address: str, who: int) -> None:
    first, jti = token(who)
    with client(f"{address}?token={first}") as socket, client(f"{address}?token={token(who)[0]}") as other:
        for each in (socket, other):
            each.ask(sub="test.own")
            each.hear()
        redis_client().sadd(ENDED, jti)
        publish.token_ended(who, jti)
        _ends(socket, who, "token_revoked")
        assert other.hear()["data"][0]["index"] == 1


def test_a_ban_closes_all_of_a_clients_sockets(address: str, who: int) -> None:
    with client(f"{address}?token={token(who)[0]}") as socket:
        assert socket.ask(sub="test.own")["status"] == "ok"
        socket.hear()
        publish.client_banned(who)
        with pytest.raises(ConnectionClosed) as closed:
            socket.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4003
    # Nothing is left behind that would still be told.
    group = f"asgi:group:{publish.client_group(who)}"
    until = time.monotonic() + 5
    while redis_client().exists(group) and time.monotonic() < until:
        time.sleep(0.01)
    assert not redis_client().exists(group)
