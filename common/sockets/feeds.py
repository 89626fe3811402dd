"""Private channels in one process: what each connected client has subscribed, loaded once, rendered at each tick.

The database is asked at the first subscription and after a change, never by a tick.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from decimal import Decimal
from typing import Any

import orjson
import structlog

from common.sockets import answers
from common.sockets.broadcast import Subscriber
from common.sockets.registry import PrivateChannel

log = structlog.get_logger(__name__)

# A tick's rendering lets the sockets have their turn so often.
_SLICE_SECONDS = 0.005
_RETRY_SECONDS = (1, 2, 5, 10)


class Feed:
    """One private channel of one client, for all of its sockets on this process."""

    def __init__(self, client_id: int, channel: PrivateChannel) -> None:
        self.client_id = client_id
        self.channel = channel
        self.subscribers: set[Subscriber] = set()
        self.state: Any = None
        self.loaded = False
        self.data = b""
        self.frame = ""
        self.loading: asyncio.Task[None] | None = None
        self.outdated = False


class Feeds:
    """`in_thread(function, argument)` runs what may ask the database; `prices` is kept by the hub."""

    def __init__(self, in_thread: Callable[..., Awaitable[Any]], prices: dict[int, Decimal]) -> None:
        self._in_thread = in_thread
        self._prices = prices
        self._feeds: dict[tuple[int, str], Feed] = {}
        self._ticked: set[int] = set()
        self._rendering: asyncio.Task[None] | None = None

    def subscribe(self, subscriber: Subscriber, client_id: int, channel: PrivateChannel) -> None:
        """Pushes the snapshot, at once where another socket of the client has it already."""
        feed = self._feeds.get((client_id, channel.name))
        if feed is None:
            feed = self._feeds[client_id, channel.name] = Feed(client_id, channel)
        feed.subscribers.add(subscriber)
        if feed.frame:
            subscriber.push(channel.name, feed.frame)
        elif feed.loading is None:
            self._reload(feed)

    def unsubscribe(self, subscriber: Subscriber, client_id: int, name: str) -> None:
        feed = self._feeds.get((client_id, name))
        if feed is not None:
            feed.subscribers.discard(subscriber)
            if not feed.subscribers:
                del self._feeds[client_id, name]

    def changed(self, client_ids: Iterable[int], channels: Collection[str]) -> None:
        for client_id in client_ids:
            for name in channels:
                feed = self._feeds.get((client_id, name))
                if feed is not None:
                    self._reload(feed)

    def reload_all(self) -> None:
        """After a time without news everything may have changed."""
        for feed in self._feeds.values():
            self._reload(feed)

    def ticked(self, changed: Iterable[int]) -> None:
        self._ticked.update(changed)
        if self._rendering is None:
            self._rendering = asyncio.get_running_loop().create_task(self._render_touched())

    def _reload(self, feed: Feed) -> None:
        """At most one load under way, and one more after it."""
        feed.outdated = True
        if feed.loading is None:
            feed.loading = asyncio.get_running_loop().create_task(self._load(feed))

    async def _load(self, feed: Feed) -> None:
        failures = 0
        try:
            while feed.outdated and feed.subscribers:
                feed.outdated = False
                try:
                    feed.state = await self._in_thread(feed.channel.load, feed.client_id)
                except Exception:
                    log.exception("channel_load_failed", channel=feed.channel.name, client_id=feed.client_id)
                    feed.outdated = True
                    await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                    failures += 1
                else:
                    feed.loaded = True
                    failures = 0
                    self._push(feed)
        finally:
            feed.loading = None

    async def _render_touched(self) -> None:
        """Ticks that come while one is rendered are taken together."""
        loop = asyncio.get_running_loop()
        try:
            while self._ticked:
                changed, self._ticked = self._ticked, set()
                began = loop.time()
                for feed in list(self._feeds.values()):
                    if feed.loaded and feed.channel.follows_ticks and self._touched(feed, changed):
                        self._push(feed)
                    if loop.time() - began > _SLICE_SECONDS:
                        await asyncio.sleep(0)
                        began = loop.time()
        finally:
            self._rendering = None

    @staticmethod
    def _touched(feed: Feed, changed: Collection[int]) -> bool:
        try:
            return feed.channel.touched(feed.state, changed)
        except Exception:
            log.exception("channel_failed", channel=feed.channel.name, client_id=feed.client_id)
            return False

    def _push(self, feed: Feed) -> None:
        """Renders once for all of the client's sockets; what they know already is not repeated."""
        try:
            data = orjson.dumps(feed.channel.render(feed.state, self._prices))
        except Exception:
            # One client's broken rendering stops nobody else's.
            log.exception("channel_failed", channel=feed.channel.name, client_id=feed.client_id)
            return
        if data == feed.data:
            return
        feed.data = data
        feed.frame = answers.push(feed.channel.name, data)
        for subscriber in list(feed.subscribers):
            subscriber.push(feed.channel.name, feed.frame)
