"""Channels over Redis, for events that concern one client; broadcasts go through the hub."""

from soke_project.settings.jobs import REDIS_URL

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # redis-py's socket time-out must exceed the layer's blocking read of 5 s.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15, "max_connections": 1000}]},
    }
}
