"""One hub a process: takes the news from Redis and hands it to the process's sockets.

Frames are forwarded as they came, encoded once by whoever published them. Channel-layer groups are not used for
broadcasts: they copy every message for every socket.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import orjson
import redis.asyncio
import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from common.sockets import registry, wire
from common.sockets.broadcast import Broadcast
from common.sockets.feeds import Feeds
from common.sockets.limits import limit

log = structlog.get_logger(__name__)

_BACKOFF_SECONDS = (0.1, 0.3, 1, 2, 5)
# Quiet for so long, the subscription is asked whether it lives; quiet for three times that, it is made anew.
_QUIET_SECONDS = 5
_GROUP_CHANGES = 32
_MOST_REMEMBERED_NAMES = 10_000


class Socket(Protocol):
    def watch(self, monotonic: float, now: float) -> None:
        """Called about once a second: pings, deadlines, the token's end."""


class Hub:
    _of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._prices: dict[int, Decimal] = {}
        self._exists: dict[str, tuple[bool, float]] = {}
        self._ready = asyncio.Event()
        self._threads = ThreadPoolExecutor(limit("DATABASE_THREADS"), thread_name_prefix="sockets")
        # The channel layer opens a connection for each change under way: a thousand sockets that go at once
        # would find no more of them, and leave their groups behind.
        self.group_changes = asyncio.Semaphore(_GROUP_CHANGES)
        self.public = Broadcast()
        self.private = Feeds(self.in_thread, self._prices)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._listen()), loop.create_task(self._watch())]

    @classmethod
    def current(cls) -> "Hub":
        """The running loop's hub, started by its first socket."""
        loop = asyncio.get_running_loop()
        hub = cls._of_loop.get(loop)
        if hub is None:
            hub = cls._of_loop[loop] = cls()
        return hub

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs what may ask the database; its threads keep their connections."""
        run = database_sync_to_async(function, thread_sensitive=False, executor=self._threads)
        return await run(*arguments)

    def join(self, socket: Socket) -> None:
        self._sockets.add(socket)

    def leave(self, socket: Socket) -> None:
        self._sockets.discard(socket)

    async def exists(self, channel: str) -> bool:
        """Whether a public channel exists; believed for a few seconds."""
        known, until = self._exists.get(channel, (False, 0.0))
        if time.monotonic() < until:
            return known
        known = await self.in_thread(registry.public_exists, channel)
        if len(self._exists) >= _MOST_REMEMBERED_NAMES:
            self._exists.clear()
        self._exists[channel] = known, time.monotonic() + limit("EXISTS_SECONDS")
        return bool(known)

    async def ready(self) -> None:
        """Waits until the last states were read, or Redis turned out not to answer."""
        await self._ready.wait()

    async def _watch(self) -> None:
        """One timer for all sockets."""
        while True:
            await asyncio.sleep(limit("WATCH_SECONDS"))
            monotonic, now = time.monotonic(), time.time()
            for socket in list(self._sockets):
                try:
                    socket.watch(monotonic, now)
                except Exception:
                    log.exception("socket_watch_failed")

    async def _listen(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            # redis-py's own retries would hide a gap in what was heard.
            connection = redis.asyncio.Redis.from_url(
                settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
            )
            try:
                await self._hear(connection)
            except (redis.RedisError, OSError, TimeoutError) as error:
                log.warning("hub_disconnected", error=str(error))
            except Exception:
                log.exception("hub_failed")
            finally:
                self._ready.set()
                await connection.aclose()
            failures = 0 if time.monotonic() - began > _BACKOFF_SECONDS[-1] else failures + 1
            await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])

    async def _hear(self, connection: redis.asyncio.Redis) -> None:
        """Subscribes, reads the last states, then passes on what comes, until the connection ends."""
        async with connection.pubsub() as subscription:
            await subscription.subscribe(wire.PUSH)
            heard = time.monotonic()
            while True:
                message = await subscription.get_message(timeout=_QUIET_SECONDS)
                if message is None:
                    if time.monotonic() - heard > 3 * _QUIET_SECONDS:
                        raise redis.ConnectionError("The subscription fell silent.")
                    await subscription.ping()
                    continue
                heard = time.monotonic()
                if message["type"] == "subscribe":
                    # Only now: what is published from here on is heard, what was published before is stored.
                    await self._catch_up(connection)
                elif message["type"] == "message":
                    self._take(message["data"])

    async def _catch_up(self, connection: redis.asyncio.Redis) -> None:
        last: Any = await connection.hgetall(wire.LAST)
        self.public.offer({channel.decode(): frame.decode() for channel, frame in last.items()})
        prices: Any = await connection.hgetall(wire.PRICES)
        self._set_prices({index.decode(): price.decode() for index, price in prices.items()})
        self.private.reload_all()
        self._ready.set()

    def _take(self, message: bytes) -> None:
        kind, content = message[:1], message[1:]
        try:
            if kind == wire.PUBLIC:
                self.public.offer(wire.public_frames(content))
            elif kind == wire.TICKS:
                self._set_prices(orjson.loads(content))
            elif kind == wire.CHANGES:
                client_ids, channels = orjson.loads(content)
                self.private.changed(client_ids, channels)
        except (ValueError, ArithmeticError):
            log.exception("hub_message_malformed", kind=kind)

    def _set_prices(self, prices: dict[str, str]) -> None:
        self._prices.update((int(index), Decimal(price)) for index, price in prices.items())
        self.private.ticked(int(index) for index in prices)
