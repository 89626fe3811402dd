"""What a client meets on the socket: channels, snapshots, errors, limits."""

import time
from collections.abc import Iterator
from contextlib import suppress

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from common.sockets import publish
from common.tests.socket_server import DAPHNE, channel, client, push, server


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as found:
        yield found


def test_a_subscriber_gets_answer_snapshot_and_every_change(address: str) -> None:
    name = channel()
    push(name, 1)
    with client(address) as socket:
        answer = socket.ask(sub=name, id="1")
        assert answer == {"id": "1", "status": "ok", "subbed": name, "ts": answer["ts"]}
        assert abs(answer["ts"] - time.time() * 1000) < 5000
        assert socket.hear() == {"ch": name, "ts": 1, "data": 1}
        for value in (2, 3):
            push(name, value)
            assert socket.hear()["data"] == value
    assert orjson.loads(publish.last(name) or b"")["data"] == 3
    assert publish.last(channel()) is None


def test_a_second_sub_is_no_error_and_repeats_the_snapshot(address: str) -> None:
    name = channel()
    push(name, 1)
    with client(address) as socket:
        for _ in range(2):
            assert socket.ask(sub=name)["subbed"] == name
            assert socket.hear()["data"] == 1
        push(name, 2)
        assert socket.hear()["data"] == 2
        assert socket.silent()


def test_unsub_ends_the_pushes(address: str) -> None:
    name = channel()
    with client(address) as socket:
        socket.ask(sub=name)
        assert socket.ask(unsub=name, id=7) | {"ts": 0} == {"id": 7, "status": "ok", "unsubbed": name, "ts": 0}
        push(name, 1)
        assert socket.silent()
        assert socket.ask(unsub=name)["reason"] == "not_subscribed"


def test_one_tick_of_many_channels_reaches_all(address: str) -> None:
    names = [channel() for _ in range(20)]
    with client(address) as socket:
        for name in names:
            assert socket.ask(sub=name)["status"] == "ok"
        publish.public({name: orjson.dumps({"ch": name, "ts": 1, "data": "价"}) for name in names})
        assert [socket.hear()["ch"] for _ in names] == names


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "malformed"),
        ("[1]", "malformed"),
        ("null", "malformed"),
        (b"{}", "malformed"),
        ('{"id":1}', "unknown_message"),
        ('{"sub":"test.public.a","unsub":"test.public.a"}', "unknown_message"),
        ('{"sub":5}', "invalid"),
        ('{"sub":""}', "invalid"),
        ('{"ping":{}}', "invalid"),
        ('{"id":[1],"sub":"test.public.a"}', "invalid_id"),
        ('{"id":true,"sub":"test.public.a"}', "invalid_id"),
        ('{"sub":"test.public.missing"}', "unknown_channel"),
        ('{"sub":"nothing"}', "unknown_channel"),
    ],
)
def test_wrong_messages_are_answered_and_the_socket_stays_open(address: str, text: str | bytes, reason: str) -> None:
    with client(address) as socket:
        socket.connection.send(text)
        answer = socket.hear()
        assert (answer["status"], answer["code"], answer["reason"]) == ("error", 400, reason)
        assert answer["message"]
        assert answer["ts"]
        assert socket.ask(ping=5) == {"pong": 5}


def test_the_id_is_echoed_as_it_came_also_with_an_error(address: str) -> None:
    with client(address) as socket:
        for message_id in ("", "a", 1, 1.5, "x" * 64):
            assert socket.ask(sub="nothing", id=message_id)["id"] == message_id
        assert "id" not in socket.ask(sub="nothing")


def test_english_by_accept_language(address: str) -> None:
    with client(address, additional_headers={"Accept-Language": "fr, en;q=0.8"}) as socket:
        assert socket.ask(sub="nothing")["message"] == "There is no such channel."


def test_both_spellings_of_the_path_and_no_other(address: str) -> None:
    with client(address + "/") as socket:
        assert socket.ask(ping="x") == {"pong": "x"}
    with pytest.raises(InvalidStatus), client(address + "x"):
        pass


def _closed(socket) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        socket.listen()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_a_frame_above_4_kib_closes(address: str) -> None:
    with client(address) as socket:
        frame = orjson.dumps({"ping": 1, "more": "价" * 1000})
        socket.connection.send((frame + b" " * (4096 - len(frame))).decode())
        assert socket.hear() == {"pong": 1}
        socket.connection.send((frame + b" " * (4097 - len(frame))).decode())
        assert _closed(socket) == (1009, "frame too big")


def test_a_flood_closes_and_a_burst_does_not(address: str) -> None:
    with client(address) as socket:
        for number in range(100):
            socket.say(ping=number)
        assert [socket.hear()["pong"] for _ in range(100)] == list(range(100))
        with suppress(ConnectionClosed):
            for number in range(200):
                socket.say(ping=number)
        assert _closed(socket) == (1008, "too many messages")


def test_a_socket_has_a_limit_of_subscriptions() -> None:
    with server(SUBSCRIPTIONS=2) as address, client(address) as socket:
        names = [channel() for _ in range(3)]
        assert [socket.ask(sub=name)["status"] for name in names] == ["ok", "ok", "error"]
        assert socket.ask(sub=names[0])["status"] == "ok"
        socket.ask(unsub=names[0])
        assert socket.ask(sub=names[2])["status"] == "ok"


def test_two_missed_pongs_close_and_answered_pings_do_not() -> None:
    with server(PING_SECONDS=0.3) as address:
        with client(address) as socket:
            for _ in range(4):
                socket.say(pong=socket.hear()["ping"])
        with client(address) as socket:
            assert [list(socket.hear()) for _ in range(2)] == [["ping"], ["ping"]]
            assert _closed(socket) == (4001, "no pong")


def test_daphne_serves_the_same() -> None:
    name = channel()
    push(name, 1)
    with server(DAPHNE) as address, client(address) as socket:
        assert socket.ask(sub=name, id=1)["status"] == "ok"
        assert socket.hear()["data"] == 1
        push(name, 2)
        assert socket.hear()["data"] == 2
        socket.connection.send(" " * 5000)
        assert _closed(socket)[0] == 4009
