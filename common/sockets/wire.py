"""How news travels through Redis: one pub/sub channel for all processes, one message for a whole tick.

A message is a kind (one byte) and its content:
`p` public frames, lines of channel and frame in turn; `t` prices `{index id: price}`;
`c` changes `[[client ids], [channels]]`.
"""

from collections.abc import Iterable, Mapping

import orjson

PUSH = "soke:push"
# Hashes: channel → newest frame, index id → newest price.
LAST = "soke:last"
PRICES = "soke:prices"
# Before the name of an answer that came with a tick.
ANSWER = "soke:answer:"

PUBLIC, TICKS, CHANGES = b"p", b"t", b"c"


def public_message(frames: Mapping[str, bytes]) -> bytes:
    """JSON escapes line feeds inside strings, so lines part the frames safely."""
    parts: list[bytes] = []
    for channel, frame in frames.items():
        if b"\n" in frame or "\n" in channel:
            raise ValueError(f"The frame of {channel!r} is more than one line.")
        parts += (channel.encode(), frame)
    return PUBLIC + b"\n".join(parts)


def public_frames(content: bytes) -> dict[str, str]:
    lines = content.decode().split("\n")
    return dict(zip(lines[::2], lines[1::2], strict=True))


def ticks_message(prices: Mapping[int, str]) -> bytes:
    return TICKS + orjson.dumps({str(index): price for index, price in prices.items()})


def changes_message(client_ids: Iterable[int], channels: Iterable[str]) -> bytes:
    return CHANGES + orjson.dumps([list(client_ids), list(channels)])
