"""Starts a server process of the sockets' tests and talks to it."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from websockets.sync.client import ClientConnection, connect

from common.sockets import publish

ROOT = Path(__file__).parents[2]
UVICORN = (sys.executable, "-m", "uvicorn", "common.tests.socket_app:application", "--port", "0")
DAPHNE = (sys.executable, "-m", "daphne", "-p", "0", "common.tests.socket_app:application")


@contextmanager
def server(command: tuple[str, ...] = UVICORN, **limits: Any) -> Iterator[str]:
    """A server with these limits; gives its ws:// address."""
    environment = {**os.environ, "SOKE_TEST_SOCKETS": json.dumps(limits), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"(?:running on http://|Listening on TCP address )(127\.0\.0\.1:\d+)", line):
                    break
            else:
                raise AssertionError("".join(lines))
            # Whoever does not read what a process says makes it stop.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield f"ws://{found[1]}/ws"
        finally:
            process.terminate()


class Socket:
    """A client that reads and writes JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, **message: Any) -> None:
        self.connection.send(orjson.dumps(message).decode())

    def hear(self, timeout: float = 5) -> Any:
        return orjson.loads(self.connection.recv(timeout))

    def ask(self, **message: Any) -> Any:
        self.say(**message)
        return self.hear()

    def listen(self) -> None:
        """Reads until the server closes the socket, which raises ConnectionClosed."""
        while True:
            self.hear()

    def silent(self, seconds: float = 0.3) -> bool:
        try:
            self.hear(seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def client(address: str, **options: Any) -> Iterator[Socket]:
    with connect(address, **options) as connection:
        yield Socket(connection)


def token(client_id: int, seconds: float = 60) -> tuple[str, str]:
    """A token and its jti."""
    jti = uuid.uuid4().hex
    return f"{client_id}/{jti}/{time.time() + seconds}", jti


def channel() -> str:
    return f"test.public.{uuid.uuid4().hex}"


def push(name: str, data: Any) -> None:
    publish.public({name: orjson.dumps({"ch": name, "ts": 1, "data": data})})
