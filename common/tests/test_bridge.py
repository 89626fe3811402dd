"""The WSGI application inside uvicorn: bodies, headers, streams and readers that leave."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import orjson
import pytest
import uvicorn

from soke_project.bridge import WSGIBridge

ended = threading.Event()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/stream":
        ended.clear()
        start_response("200 OK", [("Content-Type", "text/csv")])
        return _endless()
    if path == "/large":
        start_response("200 OK", [("Content-Length", str(3_000_000))])
        return (b"x" * 1_000_000 for _ in range(3))
    if path == "/cookie":
        start_response("200 OK", [("Content-Length", "0"), ("Set-Cookie", " a=1; Path=/")])
        return []
    if path == "/slow":
        time.sleep(0.5)
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    body = orjson.dumps({"body": environ["wsgi.input"].read().decode("latin-1"), "environ": seen})
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _endless() -> Iterator[bytes]:
    try:
        while True:
            yield b"row\n" * 100
    finally:
        ended.set()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    bridge = WSGIBridge(application, workers=2, most_body=100_000)
    server = uvicorn.Server(uvicorn.Config(bridge, port=0, log_level="warning", lifespan="off", proxy_headers=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_a_request_arrives_whole(address: str) -> None:
    parts = iter([b"a" * 50_000, b"b" * 50_000])
    headers = {"X-Forwarded-For": "1.2.3.4", "X_Forwarded_For": "6.6.6.6", "Cookie": "a=1"}
    seen = httpx.post(address + "/价?q=%20x", content=parts, headers=headers).json()
    assert seen["body"] == "a" * 50_000 + "b" * 50_000
    environ = seen["environ"]
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/价"
    assert environ["QUERY_STRING"] == "q=%20x"
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["CONTENT_LENGTH"] == "100000"
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"
    assert environ["HTTP_COOKIE"] == "a=1"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"


def test_a_body_beyond_the_limit_is_told_by_its_length(address: str) -> None:
    answer = httpx.post(address, content=(b"x" * 1000 for _ in range(1000)))
    assert 100_000 < int(answer.json()["environ"]["CONTENT_LENGTH"]) < 1_000_000


def test_a_content_type_that_cannot_be_read_is_none(address: str) -> None:
    headers = {"Content-Type": "application/json; charset*=utf-8''%00"}
    assert "CONTENT_TYPE" not in httpx.post(address, headers=headers).json()["environ"]


def test_a_cookie_that_begins_with_a_space_is_set(address: str) -> None:
    assert httpx.get(address + "/cookie").cookies["a"] == "1"


def test_a_long_answer_arrives_whole(address: str) -> None:
    assert len(httpx.get(address + "/large").content) == 3_000_000


def test_a_stream_ends_when_its_reader_leaves(address: str) -> None:
    # More readers than there are threads: each gives its thread back.
    for _ in range(4):
        with httpx.stream("GET", address + "/stream") as answer:
            assert next(answer.iter_bytes()).startswith(b"row\n")
        assert ended.wait(5)
    assert httpx.get(address).status_code == 200


def test_slow_senders_take_no_thread(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    senders = [socket.create_connection((host, int(port))) for _ in range(5)]
    for sender in senders:
        sender.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    assert httpx.get(address, timeout=2).status_code == 200
    for sender in senders:
        sender.close()


def test_a_client_that_leaves_a_slow_answer_harms_nobody(address: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(address + "/slow", timeout=0.1)
    assert httpx.get(address + "/slow").status_code == 200
