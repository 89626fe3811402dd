"""Who has seen which popup in the last 24 hours. In Redis: losing it shows a popup once more."""

import hashlib

import redis
import structlog

from common.redis import client

log = structlog.get_logger(__name__)

DAY_SECONDS = 24 * 3600
PREFIX = "soke:popup:"


def first_time(popup_id: int, viewer: str) -> bool:
    """Whether this is the first time in 24 hours; remembers it. Of two at once one is the first.

    Without Redis nobody is stopped by what may be closed.
    """
    name = hashlib.blake2b(viewer.encode(), digest_size=16).hexdigest()
    try:
        return bool(client().set(f"{PREFIX}{popup_id}:{name}", 1, nx=True, ex=DAY_SECONDS))
    except redis.RedisError as error:
        log.warning("popup_memory_unavailable", error=str(error))
        return False
