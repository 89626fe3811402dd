"""Where each app registers what must hold in its books. `manage.py reconcile` runs all of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One thing that does not add up. A warning (a surplus on chain, say) does not fail the run."""

    check: str
    what: str
    warning: bool = False


Check = Callable[[], Iterator[Difference]]
_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Adds a check, run in one repeatable-read snapshot with all the others."""
    _checks[name] = check


def checks() -> dict[str, Check]:
    return dict(_checks)


def compare(check: str, what: str, expected: object, found: object) -> Iterator[Difference]:
    """Yields a difference where the two are not equal."""
    if expected != found:
        yield Difference(check, f"{what}: expected {expected}, found {found}")
