"""The rows of the sockets: the real consumer in one process, against `websockets.broadcast()` on bare sockets."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import orjson

from bench import world
from bench.bare import CHANNEL
from bench.crowd import Crowd, crowd
from bench.engines import Server, bare_sockets, server
from bench.row import Row, in_turns
from common import sql
from common.redis import client as redis_client
from common.sockets import publish, wire

SIZES = (1000, 5000)
FRAME_BYTES = 1100
# Sockets that are open before memory is measured, so that what a process needs anyway is not counted.
_WARM = 50
_numbers = itertools.count(10**9)


@dataclass(frozen=True)
class Audience:
    """The sockets of one server, how to push one message to all of them, and what each holds of the memory."""

    crowd: Crowd
    push: Callable[[], object]
    bytes_each: float

    def reached_in(self) -> float:
        """Pushes one message; the seconds until the last client has it."""
        began = time.monotonic()
        self.push()
        return self.crowd.arrivals(1)[-1] - began

    def rate(self, seconds: float = 3) -> float:
        """Messages × sockets a second, the next message as soon as the last client has the one before."""
        began, messages = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            self.reached_in()
            messages += 1
        return messages * len(self.crowd) / (time.monotonic() - began)

    def latency(self, messages: int = 10) -> float:
        """Milliseconds until the last client has a message that comes after a pause."""
        took = []
        for _ in range(messages):
            time.sleep(0.1)
            took.append(self.reached_in())
        return statistics.median(took) * 1000


def _frame(channel: str) -> bytes:
    """A push of about the size of an index's candles, unlike the one before."""
    head = {"ch": channel, "ts": time.time_ns() // 1_000_000, "data": [next(_numbers), ""]}
    filler = "x" * (FRAME_BYTES - len(orjson.dumps(head)))
    return orjson.dumps({**head, "data": [next(_numbers), filler]})


@contextmanager
def _channels(count: int) -> Iterator[list[str]]:
    """Market channels of indexes that exist."""
    world.make_indexes(count)
    world.tick(count, Decimal(1000), sql.database_time())
    names = [f"index.market.index{number}" for number in range(count)]
    try:
        yield names
    finally:
        redis_client().hdel(wire.LAST, *names)


@contextmanager
def _audience(of: Server, size: int, channels: list[str], push: Callable[[], object]) -> Iterator[Audience]:
    with crowd(of.port, _WARM, channels):
        before = of.memory
        with crowd(of.port, size, channels) as sockets:
            sockets.drain()
            bytes_each = (of.memory - before) / size
            yield Audience(sockets, push, bytes_each)


def pushes() -> list[Row]:
    """One message to all sockets of one process: how many a second, how late the last, how much memory each."""
    rows = []
    with _channels(1) as [channel]:
        for size in SIZES:
            with (
                server() as web,
                bare_sockets() as bare,
                _audience(web, size, [channel], lambda: publish.public({channel: _frame(channel)})) as ours,
                _audience(bare, size, [], lambda: redis_client().publish(CHANNEL, _frame(channel))) as limit,
            ):
                name = f"{size // 1000}k"
                rate = in_turns(ours.rate, limit.rate)
                latency = in_turns(ours.latency, limit.latency)
                memory = ours.bytes_each / 1024, limit.bytes_each / 1024
            rows += [
                Row(f"push_rate_{name}", *rate, "pushes/s", 0.70),
                Row(f"push_latency_{name}", *latency, "ms", 2.0, at_least=False),
                Row(f"push_memory_{name}", *memory, "kB/socket", 2.2, at_least=False),
            ]
    return rows


def stuck(readers: int = 990, silent: int = 10, seconds: int = 15) -> Row:
    """Sockets on three channels each, some of which never read: when 99 of 100 pushes have reached the others."""
    delays: list[float] = []
    with (
        _channels(3) as channels,
        server() as web,
        crowd(web.port, silent, channels, receive_buffer=4096),
        crowd(web.port, readers, channels) as sockets,
    ):
        sockets.drain()
        # Four times as often as an engine does: the silent ones are full within seconds.
        for _ in range(4 * seconds):
            began = time.monotonic()
            publish.public({channel: _frame(channel) for channel in channels})
            delays += [at - began for at in sockets.arrivals(len(channels))]
            time.sleep(max(0.0, began + 0.25 - time.monotonic()))
    return Row("push_stuck_p99", statistics.quantiles(delays, n=100)[98] * 1000, 1000.0, "ms", 1.0, at_least=False)
