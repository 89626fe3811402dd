"""Public channels in one process: their newest frames, and who gets them."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

# A tick's pushes let the other work of the event loop have its turn so often.
_SLICE_SECONDS = 0.01


class Subscriber(Protocol):
    def push(self, channel: str, text: str) -> None:
        """Must not raise and must not wait."""


class Broadcast:
    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscriber]] = {}
        self._newest: dict[str, str] = {}
        # Channels whose newest frame has not been pushed yet: a process that falls behind skips frames, too.
        self._unsent: dict[str, None] = {}
        self._pushing: asyncio.Task[None] | None = None

    def subscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Pushes the newest frame at once where there is one."""
        self._subscribers.setdefault(channel, set()).add(subscriber)
        if channel in self._newest and channel not in self._unsent:
            subscriber.push(channel, self._newest[channel])

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        subscribers = self._subscribers.get(channel)
        if subscribers is not None:
            subscribers.discard(subscriber)
            if not subscribers:
                del self._subscribers[channel]

    def offer(self, frames: Mapping[str, str]) -> None:
        """Takes new frames and pushes those that differ from what is known."""
        for channel, frame in frames.items():
            if self._newest.get(channel) != frame:
                self._newest[channel] = frame
                if channel in self._subscribers:
                    self._unsent[channel] = None
        if self._unsent and self._pushing is None:
            self._pushing = asyncio.get_running_loop().create_task(self._push())

    async def _push(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _SLICE_SECONDS
        try:
            while self._unsent:
                channel = next(iter(self._unsent))
                del self._unsent[channel]
                frame = self._newest[channel]
                for number, subscriber in enumerate(list(self._subscribers.get(channel, ()))):
                    if subscriber in self._subscribers.get(channel, ()):
                        subscriber.push(channel, frame)
                    if number % 32 == 31 and loop.time() > until:
                        await asyncio.sleep(0)
                        until = loop.time() + _SLICE_SECONDS
        finally:
            self._pushing = None
