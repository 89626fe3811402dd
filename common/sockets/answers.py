"""The control frames, in the manner of HTX."""

import time
from typing import Any

import orjson

from common.errors import Problem

# Stands for an `id` that the client did not send; one that came is echoed as it came.
ABSENT = object()


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _encode(body: dict[str, Any], message_id: object) -> str:
    if message_id is not ABSENT:
        body = {"id": message_id, **body}
    return orjson.dumps(body).decode()


def done(message_id: object, verb: str, subject: str) -> str:
    """`{"id": …, "status": "ok", "subbed": "index.kline.sokemain", "ts": …}`"""
    return _encode({"status": "ok", verb: subject, "ts": milliseconds()}, message_id)


def failed(message_id: object, problem: Problem) -> str:
    """`{"id": …, "status": "error", "code": 400, "message": …, "reason": …, "ts": …}` in the active language."""
    body = {"status": "error", "code": problem.code, "message": str(problem.message), "reason": problem.reason}
    return _encode({**body, "ts": milliseconds()}, message_id)


def ping() -> str:
    return orjson.dumps({"ping": milliseconds()}).decode()


def pong(value: Any) -> str:
    return orjson.dumps({"pong": value}).decode()


def push(channel: str, data: bytes) -> str:
    """A channel's frame around its encoded data."""
    return f'{{"ch":"{channel}","ts":{milliseconds()},"data":{data.decode()}}}'
