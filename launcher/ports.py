"""TCP ports on 127.0.0.1."""

import random
import socket
import time

# Below the range from which systems take ports for outgoing connections: one of those would hold a
# port that an engine wants back after a restart.
_FREE_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def becomes_free(port: int, seconds: float) -> bool:
    """Waits for a port whose last owner may still be dying."""
    deadline = time.monotonic() + seconds
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def choose() -> int:
    """A free port at random."""
    while True:
        port = random.choice(_FREE_RANGE)
        if is_free(port):
            return port
