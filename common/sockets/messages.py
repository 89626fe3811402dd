"""What a client may say: one JSON object, one verb, and an `id` that is echoed."""

import time
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.translation import gettext_lazy as _

from common.errors import Problem
from common.sockets.answers import ABSENT
from common.sockets.limits import limit

VERBS = ("sub", "unsub", "auth", "ping", "pong")
_LONGEST_ID = 64


class Wrong(Problem):
    """A message that cannot be obeyed: code 400. `message_id` is echoed where it was readable."""

    code = 400
    reason = "invalid"

    def __init__(self, message: Any, reason: str, message_id: object = ABSENT) -> None:
        super().__init__(message, reason)
        self.message_id = message_id


@dataclass(frozen=True)
class Message:
    verb: str
    subject: Any
    id: object = ABSENT


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read(text: str) -> Message:
    """Raises Wrong."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Wrong(_("This is not JSON."), "malformed") from None
    if not isinstance(content, dict):
        raise Wrong(_("A message is a JSON object."), "malformed")
    message_id = content.get("id", ABSENT)
    if message_id is not ABSENT and not (
        _is_number(message_id) or (isinstance(message_id, str) and len(message_id) <= _LONGEST_ID)
    ):
        raise Wrong(_("An id is a number or a string of at most 64 characters."), "invalid_id")
    verbs = [verb for verb in VERBS if verb in content]
    if len(verbs) != 1:
        raise Wrong(_("A message says one of sub, unsub, auth, ping and pong."), "unknown_message", message_id)
    verb, subject = verbs[0], content[verbs[0]]
    short = _is_number(subject) or (isinstance(subject, str) and len(subject) <= _LONGEST_ID)
    if not (short if verb in ("ping", "pong") else isinstance(subject, str) and subject.isprintable() and subject):
        raise Wrong(_("Invalid parameters"), "invalid", message_id)
    return Message(verb, subject, message_id)


class Allowance:
    """How many messages a client may send: so many a second, and a burst."""

    def __init__(self) -> None:
        self._rate: float = limit("MESSAGES_PER_SECOND")
        self._most: float = limit("MESSAGES_BURST")
        self._left = self._most
        self._at = time.monotonic()

    def spend(self) -> bool:
        """Takes one; False where there is none left."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
