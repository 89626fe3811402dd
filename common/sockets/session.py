"""A signed-in client on one socket, and the ear for what ends it: revoked tokens and bans.

These are few and concern one client, so they come through a channel-layer group, `client.<id>`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
import structlog
from channels.layers import get_channel_layer

from common.errors import Problem
from common.sockets import registry
from common.sockets.hub import Hub
from common.sockets.publish import client_group

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 2
# A cancelled listener still has to leave its group; the event loop itself keeps tasks only weakly.
_listeners: set[asyncio.Task[None]] = set()


class Session:
    """`on_event` gets the group's events; `on_end` a Problem where a token turns out to be valid no more."""

    def __init__(
        self,
        token: str,
        found: registry.Session,
        on_event: Callable[[dict[str, Any]], None],
        on_end: Callable[[Problem], None],
    ) -> None:
        self.client_id, self.address, claims = found
        self.expires = float(claims["exp"])
        self.jti = claims["jti"]
        self._token = token
        self._on_event = on_event
        self._on_end = on_end
        self._ended = False
        self._task = asyncio.get_running_loop().create_task(self._listen())
        _listeners.add(self._task)
        self._task.add_done_callback(_listeners.discard)

    def end(self) -> None:
        """Stops listening; may be called from a callback, too."""
        self._ended = True
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def _listen(self) -> None:
        layer = get_channel_layer()
        group = client_group(self.client_id)
        hub = Hub.current()
        while not self._ended:
            channel = await layer.new_channel()
            try:
                async with hub.group_changes:
                    await layer.group_add(group, channel)
                # The token may have ended before the group was joined, or while Redis was away.
                await hub.in_thread(registry.authenticate, self._token)
                while not self._ended:
                    self._on_event(await layer.receive(channel))
                return
            except Problem as problem:
                self._on_end(problem)
                return
            except Exception as error:
                log.warning("session_deaf", client_id=self.client_id, error=repr(error))
            finally:
                with suppress(redis.RedisError, OSError):
                    async with hub.group_changes:
                        await layer.group_discard(group, channel)
            await asyncio.sleep(_RETRY_SECONDS)
