"""What waits to be sent on one socket: answers in order, and of every channel only the newest frame.

So a slow reader gets the newest state instead of a backlog, its memory has a bound, and it holds up nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


class Overflow(Exception):
    """More answers wait than one socket may have."""


class _Begun:
    """A coroutine that was begun without a task and had to wait; awaiting this finishes it."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waiting: Any) -> None:
        self._coroutine = coroutine
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waiting
        except BaseException:
            self._coroutine.close()
            raise
        yield from self._coroutine.__await__()


class Outbox:
    """Sends at once where the connection takes it. Only where the server's `send` waits for a slow reader there is a
    task: waking one for every frame would take as long as the sending itself."""

    def __init__(self, send: Send, most_answers: int) -> None:
        self._send = send
        self._most = most_answers
        self._answers: deque[str] = deque()
        self._frames: dict[str, str] = {}
        self._waiting: asyncio.Task[None] | None = None
        self._closed = False
        # Since when the connection has taken nothing (monotonic), None while it takes what comes.
        self.stuck_since: float | None = None

    def answer(self, text: str) -> None:
        """Sends or queues an answer; it goes out before frames that wait. Raises Overflow."""
        if self._waiting is None:
            self._begin(text)
        elif len(self._answers) < self._most:
            self._answers.append(text)
        else:
            raise Overflow

    def push(self, channel: str, text: str) -> None:
        """Sends a frame, or queues it in place of an older one of its channel."""
        if self._waiting is None:
            self._begin(text)
        else:
            self._frames[channel] = text

    def drop(self, channel: str) -> None:
        self._frames.pop(channel, None)

    def close(self) -> None:
        """Nothing more is sent."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()

    def _begin(self, text: str) -> None:
        """Sends, or starts the task that waits until the connection takes it and then empties the queue."""
        if self._closed:
            return
        coroutine = self._send({"type": "websocket.send", "text": text})
        try:
            waiting = coroutine.send(None)
        except StopIteration:
            return
        except OSError:
            # The client is gone; the server's receive() says so, too.
            self._closed = True
            return
        self.stuck_since = time.monotonic()
        self._waiting = asyncio.get_running_loop().create_task(self._finish(_Begun(coroutine, waiting)))

    async def _finish(self, begun: _Begun) -> None:
        try:
            await begun
            while self._answers or self._frames:
                text = self._answers.popleft() if self._answers else self._frames.pop(next(iter(self._frames)))
                self.stuck_since = time.monotonic()
                await self._send({"type": "websocket.send", "text": text})
        except OSError:
            self._closed = True
        finally:
            self._waiting = None
            self.stuck_since = None
