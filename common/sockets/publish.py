"""For whoever has news. Call after the commit, never inside a transaction; `after_commit` sees to that itself.

Without Redis the news is logged as lost and the caller goes on: money never depends on it, and the hubs read
everything anew when they are connected again.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import redis
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.sockets import wire

log = structlog.get_logger(__name__)

# Whoever finds no answer any more asks the database, which knows what is stale.
_ANSWER_MILLISECONDS = 3000


@cache
def _redis() -> redis.Redis:
    """Gives up at once: whoever publishes has a tick to keep."""
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=retry)


def public(frames: Mapping[str, bytes]) -> None:
    """Finished one-line JSON frames by channel; each is also kept as the channel's last state."""
    tick(frames, {}, {})


def ticks(prices: Mapping[int, str]) -> None:
    """The last prices by index id: clients whose private channels they touch are told."""
    tick({}, prices, {})


def tick(frames: Mapping[str, bytes], prices: Mapping[int, str], answers: Mapping[str, bytes]) -> None:
    """All of a tick's news in one round trip, all or nothing: `public`, `ticks`, and encoded answers by name, which
    `answer` finds for a few seconds."""
    pipe = _redis().pipeline(transaction=True)
    if frames:
        pipe.hset(wire.LAST, mapping=dict[Any, Any](frames))
        pipe.publish(wire.PUSH, wire.public_message(frames))
    if prices:
        pipe.hset(wire.PRICES, mapping=dict[Any, Any](prices))
        pipe.publish(wire.PUSH, wire.ticks_message(prices))
    for name, body in answers.items():
        pipe.set(wire.ANSWER + name, body, px=_ANSWER_MILLISECONDS)
    try:
        pipe.execute()
    except redis.RedisError as error:
        log.warning("push_lost", kind="tick", error=str(error))


def clients_changed(client_ids: Iterable[int], channels: Iterable[str]) -> None:
    """These clients' private channels are to be read anew; one message for any number of clients."""
    clients, names = list(client_ids), list(channels)
    if clients and names:
        try:
            _redis().publish(wire.PUSH, wire.changes_message(clients, names))
        except redis.RedisError as error:
            log.warning("push_lost", kind="change", error=str(error))


def after_commit(client_ids: Iterable[int], channels: Iterable[str]) -> None:
    """The same once the current transaction is committed; at once where there is none."""
    clients, names = list(client_ids), list(channels)
    if clients:
        transaction.on_commit(lambda: clients_changed(clients, names))


def last(channel: str) -> bytes | None:
    """The newest frame of a public channel, None where there is none or Redis does not answer."""
    return _read(channel, lambda: _redis().hget(wire.LAST, channel))


def answer(name: str) -> bytes | None:
    """An answer that came with a tick of the last 3 seconds, None where there is none or Redis does not answer."""
    return _read(name, lambda: _redis().get(wire.ANSWER + name))


def _read(name: str, ask: Callable[[], Any]) -> bytes | None:
    try:
        found = ask()
    except redis.RedisError as error:
        log.warning("last_state_unavailable", name=name, error=str(error))
        return None
    return bytes(found) if found is not None else None


def client_group(client_id: int) -> str:
    """The channel layer's group of a client's signed-in sockets."""
    return f"client.{client_id}"


def token_ended(client_id: int, jti: str) -> None:
    """Ends the private channels of the sockets that signed in with this token."""
    _tell(client_id, {"type": "token.ended", "jti": jti})


def client_banned(client_id: int) -> None:
    """Closes all of a client's signed-in sockets."""
    _tell(client_id, {"type": "client.banned"})


def _tell(client_id: int, event: dict[str, Any]) -> None:
    send: Callable[..., None] = async_to_sync(get_channel_layer().group_send)
    try:
        send(client_group(client_id), event)
    except (redis.RedisError, OSError) as error:
        log.warning("socket_event_lost", kind=event["type"], client_id=client_id, error=str(error))
