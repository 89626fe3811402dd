"""Who may object to a change of an index's terms: rooms above that keep something under the old ones."""

from collections.abc import Callable, Iterator

from indexes.models import Index

# Sentences against the change from the first index to the second, which has the same id.
Guard = Callable[[Index, Index], Iterator[str]]
_guards: list[Guard] = []


def register(guard: Guard) -> None:
    _guards.append(guard)


def objections(before: Index, after: Index) -> list[str]:
    """Why the change is refused; empty where it is not."""
    return [sentence for guard in _guards for sentence in guard(before, after)]
