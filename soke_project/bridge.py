"""Runs the WSGI application inside the ASGI server.

Made for this platform's answers, which are small: one goes back to the event loop in one step, where a general
bridge crosses threads for every part. A request's body is read before a thread is taken, so slow senders cost none,
and a streamed answer ends when its reader has gone.
"""

import asyncio
import codecs
import contextvars
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import structlog
from django.utils.http import parse_header_parameters

log = structlog.get_logger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

# Answers up to this length are handed over whole.
_WHOLE_BYTES = 256 * 1024
# A reader who takes no part of a streamed answer for so long gives its thread back.
_STALL_SECONDS = 60


class _Gone(Exception):
    """The client went away, or does not read."""


class WSGIBridge:
    """An ASGI application; `workers` threads each keep their own database connection."""

    def __init__(self, app: Callable[..., Iterable[bytes]], workers: int, most_body: int) -> None:
        self._app = app
        self._most_body = most_body
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="http")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await self._body(receive)
        except _Gone:
            return
        exchange = _Exchange(self._app, scope, body, receive, send)
        run = contextvars.copy_context().run
        whole = await asyncio.get_running_loop().run_in_executor(self._threads, run, exchange.run)
        if whole is not None:
            await send(exchange.start)
            await send({"type": "http.response.body", "body": whole})
        exchange.close()

    async def _body(self, receive: Receive) -> bytes:
        """The request's body, up to just above `most_body`: the application refuses it by its length."""
        parts: list[bytes] = []
        length = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part: bytes = message.get("body", b"")
            length += len(part)
            parts.append(part)
            if length > self._most_body or not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


class _Exchange:
    """One request; `run` is called in a thread."""

    def __init__(
        self, app: Callable[..., Iterable[bytes]], scope: dict[str, Any], body: bytes, receive: Receive, send: Send
    ) -> None:
        self._app = app
        self._environ = environ(scope, body)
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._gone = threading.Event()
        self._watcher: asyncio.Task[None] | None = None
        self.start: dict[str, Any] = {}
        self._length = -1

    def run(self) -> bytes | None:
        """A small answer's body; one of another kind is sent part by part and gives None."""
        parts = self._app(self._environ, self._start_response)
        try:
            if 0 <= self._length <= _WHOLE_BYTES:
                return b"".join(parts)
            self._stream(parts)
        except _Gone:
            log.info("reader_gone", path=self._environ["PATH_INFO"])
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        return None

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        # Django begins a Set-Cookie with a space, which strict servers refuse.
        encoded = [(name.lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in headers]
        self._length = next((int(value) for name, value in encoded if name == b"content-length"), -1)
        self.start = {"type": "http.response.start", "status": int(status[:3]), "headers": encoded}

    def _stream(self, parts: Iterable[bytes]) -> None:
        self._wait(self._begin())
        for part in parts:
            if part:
                self._wait(self._send({"type": "http.response.body", "body": part, "more_body": True}))
        self._wait(self._send({"type": "http.response.body", "body": b""}))

    async def _begin(self) -> None:
        self._watcher = asyncio.create_task(self._watch())
        await self._send(self.start)

    async def _watch(self) -> None:
        """Servers take what is sent to a client that has gone and say nothing: a long answer would go on."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    def _wait(self, step: Any) -> None:
        if self._gone.is_set():
            step.close()
            raise _Gone
        future = asyncio.run_coroutine_threadsafe(step, self._loop)
        try:
            future.result(_STALL_SECONDS)
        except (TimeoutError, OSError) as error:
            future.cancel()
            raise _Gone from error

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


def environ(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """PEP 3333's environment of an ASGI request whose body was read."""
    root = scope.get("root_path", "")
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": _latin(root),
        "PATH_INFO": _latin(scope["path"].removeprefix(root)),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        # X_Forwarded_For would pass for X-Forwarded-For.
        if b"_" in raw_name:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        if name == "CONTENT_LENGTH":
            continue
        if name == "CONTENT_TYPE" and not _is_readable(value):
            continue
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        if key in found:
            value = f"{found[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        found[key] = value
    return found


def _is_readable(content_type: str) -> bool:
    """Whether Django can read it: it does so before anything could answer the error."""
    try:
        codecs.lookup(parse_header_parameters(content_type)[1].get("charset", "utf-8"))
    except LookupError:
        return True
    except ValueError:
        return False
    return True


def _latin(text: str) -> str:
    """A text's UTF-8 bytes as WSGI wants them, each a character."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
