"""The sockets' paths."""

from typing import Any

from common.sockets.consumer import SocketConsumer

PATHS = ("/ws", "/ws/")
_socket = SocketConsumer.as_asgi()


async def sockets(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """One path; any other is refused in the handshake. (Channels' URLRouter answers those with a traceback.)

    Any origin may connect: a socket is signed in by a token that its own page has to send, never by a cookie that
    a browser adds by itself, so another site's page gains nothing.
    """
    if scope["path"] in PATHS:
        await _socket(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})
