"""One Redis client a process."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """A thread-safe client with its own pool; answers are bytes."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
