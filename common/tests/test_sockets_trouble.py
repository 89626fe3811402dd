"""Slow readers, lost connections to Redis, several processes."""

import socket as network
import time

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from common.redis import client as redis_client
from common.sockets import publish
from common.tests.socket_server import Socket, channel, client, push, server, token
from common.tests.test_sockets_private import hold, loads

FAT = "x" * 20_000


def _small_window(address: str) -> network.socket:
    """A connection whose reader's kernel takes little in advance."""
    host, port = address.removeprefix("ws://").removesuffix("/ws").split(":")
    connection = network.socket()
    connection.setsockopt(network.SOL_SOCKET, network.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    return connection


def test_a_slow_reader_gets_the_newest_and_slows_nobody() -> None:
    name = channel()
    with (
        server() as address,
        client(address, sock=_small_window(address), max_queue=1, compression=None) as slow,
        client(address) as fast,
    ):
        for each in (slow, fast):
            each.ask(sub=name)
        slowest = 0.0
        for number in range(300):
            began = time.monotonic()
            push(name, [number, FAT])
            assert fast.hear()["data"][0] == number
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1
        seen: list[int] = []
        while not seen or seen[-1] != 299:
            seen.append(slow.hear()["data"][0])
        assert seen == sorted(seen)
        assert len(seen) < 30


def test_a_reader_that_never_drains_is_closed() -> None:
    name = channel()
    with server(DRAIN_SECONDS=0.5, CLOSE_SECONDS=0.5) as address, client(address) as other:
        with client(address, sock=_small_window(address), max_queue=1, compression=None, close_timeout=0.1) as stuck:
            stuck.ask(sub=name)
            for number in range(20):
                push(name, [number, FAT])
                time.sleep(0.02)
            time.sleep(1.5)
            with pytest.raises(ConnectionClosed):
                stuck.listen()
        assert other.ask(ping=1) == {"pong": 1}


def _kill_connections() -> None:
    """Ends every connection to Redis, subscriptions included."""
    redis_client().client_kill_filter(_type="pubsub")
    redis_client().client_kill_filter(_type="normal")


def _hears(socket: Socket, name: str, data: object) -> bool:
    """Whether a channel comes to show this."""
    for _ in range(10):
        frame = socket.hear()
        if frame.get("ch") == name and frame["data"] == data:
            return True
    return False


def test_after_a_lost_connection_the_last_states_are_read_anew() -> None:
    name, who = channel(), time.time_ns()
    publish.ticks({1: "10"})
    with server() as address, client(f"{address}?token={token(who)[0]}") as socket:
        socket.ask(sub=name)
        socket.ask(sub="test.own")
        assert socket.hear()["data"] == []
        before = loads(who)
        # What happens while nobody listens: states change, and no message tells.
        redis_client().hset("soke:last", name, orjson.dumps({"ch": name, "ts": 1, "data": "missed"}))
        redis_client().hset("soke:test:holdings", str(who), b'{"1":"3"}')
        _kill_connections()
        frames = [socket.hear(), socket.hear()]
        assert sorted(str(frame["data"]) for frame in frames) == ["[{'index': 1, 'worth': '30'}]", "missed"]
        assert loads(who) == before + 1
        push(name, "after")
        assert _hears(socket, name, "after")
        hold(who, i1="4")
        assert _hears(socket, "test.own", [{"index": 1, "worth": "40"}])


def test_a_revocation_is_heard_after_a_lost_connection() -> None:
    who = time.time_ns()
    signed, jti = token(who)
    with server() as address, client(f"{address}?token={signed}") as socket:
        socket.ask(sub="test.own")
        socket.hear()
        redis_client().sadd("soke:test:ended", jti)
        _kill_connections()
        assert socket.hear(timeout=10)["code"] == 401


def test_two_processes_push_the_same() -> None:
    name, who = channel(), time.time_ns()
    index = who % 10**9
    with (
        server() as first,
        server() as second,
        client(f"{first}?token={token(who)[0]}") as one,
        client(f"{second}?token={token(who)[0]}") as two,
    ):
        for socket in (one, two):
            socket.ask(sub=name)
            socket.ask(sub="test.own")
            assert socket.hear()["data"] == []
        for number in range(20):
            push(name, number)
            assert one.hear() == two.hear() == {"ch": name, "ts": 1, "data": number}
        hold(who, **{f"i{index}": "1"})
        assert one.hear()["data"] == two.hear()["data"] == [{"index": index, "worth": "0"}]
        for price in range(1, 20):
            publish.ticks({index: str(price)})
            assert one.hear()["data"] == two.hear()["data"] == [{"index": index, "worth": str(price)}]


def test_publishing_without_redis_is_logged_and_goes_on(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    publish._redis.cache_clear()
    try:
        publish.public({"test.public.a": b"{}"})
        publish.clients_changed([1], ["test.own"])
        assert publish.last("test.public.a") is None
    finally:
        publish._redis.cache_clear()
