"""What a socket may do and how long the server waits. `settings.SOCKETS` overrides by name."""

from typing import Any

from django.conf import settings

_DEFAULTS: dict[str, Any] = {
    # Seconds between the server's pings; a socket that left this many without a pong is closed at the next.
    "PING_SECONDS": 20.0,
    "MISSED_PONGS": 2,
    # A socket whose connection takes nothing for so many seconds is closed.
    "DRAIN_SECONDS": 30.0,
    # How long a closing handshake may wait for such a reader before the connection is cut.
    "CLOSE_SECONDS": 5.0,
    "FRAME_BYTES": 4096,
    "MESSAGES_PER_SECOND": 50.0,
    "MESSAGES_BURST": 100.0,
    "SUBSCRIPTIONS": 100,
    # Answers that wait for a slow reader; pushes need no limit, for only a channel's newest one waits.
    "WAITING_ANSWERS": 200,
    # Unsent bytes the kernel and the server may keep for one socket: what lies there is old by the time it is read.
    "UNSENT_BYTES": 32768,
    # How long a process believes that a public channel exists, or does not.
    "EXISTS_SECONDS": 5.0,
    "DATABASE_THREADS": 4,
    # How often the hub looks after its sockets.
    "WATCH_SECONDS": 1.0,
}


def limit(name: str) -> Any:
    return getattr(settings, "SOCKETS", {}).get(name, _DEFAULTS[name])
