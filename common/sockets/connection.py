"""The connection under a socket, for which ASGI has no words.

uvicorn's `send` is a method of the protocol that owns the transport. Other servers' sockets are left as they are.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any


def _transport(send: Callable[..., Any]) -> asyncio.Transport | None:
    found: asyncio.Transport | None = getattr(getattr(send, "__self__", None), "transport", None)
    return found if hasattr(found, "set_write_buffer_limits") and hasattr(found, "abort") else None


def bound(send: Callable[..., Any], unsent: int) -> None:
    """Lets at most about `unsent` bytes wait in the server and the kernel for a reader that does not read."""
    transport = _transport(send)
    if transport is None:
        return
    transport.set_write_buffer_limits(high=unsent // 2)
    under = transport.get_extra_info("socket")
    if under is not None:
        under.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, unsent // 2)


def cut(send: Callable[..., Any]) -> None:
    """Drops the connection with all that is unsent; a polite close would wait for the reader for ever."""
    transport = _transport(send)
    if transport is not None:
        transport.abort()
