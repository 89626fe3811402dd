"""Thousands of sockets that cost little: one epoll for all of them, and no more of the protocol than they need."""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import orjson

_SHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_PATIENCE = 30.0


def _frame(text: bytes) -> bytes:
    """A client's text frame of less than 126 bytes, masked with zeros."""
    return bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text


class _Socket:
    def __init__(self, port: int, channels: Sequence[str], receive_buffer: int) -> None:
        self.connection = socket.socket()
        if receive_buffer:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connection.settimeout(_PATIENCE)
        self.connection.connect(("127.0.0.1", port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(_SHAKE)
        self._rest = b""
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._received()
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        for channel in channels:
            self.connection.sendall(_frame(orjson.dumps({"sub": channel})))
            while not any(b'"subbed"' in text for text in self._texts(self._received())):
                pass

    def read(self) -> int:
        """How many pushes have come; pings are answered, and not counted."""
        pushes = 0
        for text in self._texts(self._received()):
            if text.startswith(b'{"ping"'):
                self.connection.sendall(_frame(text.replace(b"ping", b"pong")))
            else:
                pushes += text.startswith(b'{"ch"')
        return pushes

    def _received(self) -> bytes:
        data = self.connection.recv(65536)
        if not data:
            raise RuntimeError("A socket was closed.")
        return data

    def _texts(self, data: bytes) -> Iterator[bytes]:
        """The frames that are complete; servers send them unmasked and, here, in one piece of at most 64 kB."""
        data, self._rest = self._rest + data, b""
        at = 0
        while len(data) - at >= 4:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2]), start + 2
            if len(data) < start + length:
                break
            yield data[start : start + length]
            at = start + length
        self._rest = data[at:]


class Crowd:
    """Sockets of one server, each subscribed to the same channels."""

    def __init__(self, sockets: list[_Socket]) -> None:
        self._sockets = {one.connection.fileno(): one for one in sockets}
        self._poll = select.epoll()
        for number in self._sockets:
            self._poll.register(number, select.EPOLLIN)

    def __len__(self) -> int:
        return len(self._sockets)

    def arrivals(self, pushes: int) -> list[float]:
        """Waits until every socket has got so many; when each of them came (monotonic), in order.

        Raises RuntimeError where some do not come.
        """
        found: list[float] = []
        wanted = pushes * len(self._sockets)
        until = time.monotonic() + _PATIENCE
        while len(found) < wanted:
            if time.monotonic() > until:
                raise RuntimeError(f"{len(found)} of {wanted} pushes came.")
            for number, _event in self._poll.poll(1, 256):
                count = self._sockets[number].read()
                found += [time.monotonic()] * count
        return found

    def drain(self, seconds: float = 0.3) -> None:
        """Reads what comes until nothing has come for so long."""
        while ready := self._poll.poll(seconds):
            for number, _event in ready:
                self._sockets[number].read()


@contextmanager
def crowd(port: int, count: int, channels: Sequence[str] = (), receive_buffer: int = 0) -> Iterator[Crowd]:
    """So many sockets, opened one by one and closed at the end."""
    sockets: list[_Socket] = []
    try:
        for _ in range(count):
            sockets.append(_Socket(port, channels, receive_buffer))
        yield Crowd(sockets)
    finally:
        for one in sockets:
            one.connection.close()
