"""Answers that a process keeps for a moment: for what is shown, never for what decides."""

import time
from collections.abc import Callable, Hashable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings

# Answers of up to 140 kB, and whoever asks chooses the arguments.
_LARGEST_CACHE = 256

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def briefly(read: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """Keeps answers by their arguments for MARKET_CACHE_SECONDS; nothing where that is 0."""
    kept: dict[Hashable, tuple[float, Answer]] = {}

    @wraps(read)
    def answer(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        if not settings.MARKET_CACHE_SECONDS:
            return read(*args, **kwargs)
        key = (args, tuple(kwargs.items()))
        found = kept.get(key)
        now = time.monotonic()
        if found is not None and now - found[0] < settings.MARKET_CACHE_SECONDS:
            return found[1]
        value = read(*args, **kwargs)
        if len(kept) >= _LARGEST_CACHE:
            kept.clear()
        kept[key] = now, value
        return value

    return answer
