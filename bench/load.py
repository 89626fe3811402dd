"""A load generator that costs little: keep-alive connections, requests made beforehand, answers read by length."""

import asyncio
import time
from collections.abc import Callable


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines.append(f"Content-Length: {len(body)}")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def rate(port: int, requests: list[bytes], seconds: float, good: Callable[[bytes], bool]) -> float:
    """Answers a second over one connection for each request, each sent again as soon as it is answered.

    Raises RuntimeError at an answer that is not good.
    """
    return asyncio.run(_rate(port, requests, seconds, good))


async def _rate(port: int, requests: list[bytes], seconds: float, good: Callable[[bytes], bool]) -> float:
    began = time.monotonic()
    counts = await asyncio.gather(*(_repeat(port, text, began + seconds, good) for text in requests))
    return sum(counts) / (time.monotonic() - began)


async def _repeat(port: int, text: bytes, until: float, good: Callable[[bytes], bool]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.monotonic() < until:
        writer.write(text)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        if not good(body):
            raise RuntimeError(body[:500].decode(errors="replace"))
        count += 1
    writer.close()
    return count
