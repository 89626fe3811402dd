"""Whom a popup fits."""

from collections.abc import Collection

# Longer than any real version; what a client sends is not believed.
_LONGEST = 32


def parse_version(text: str) -> tuple[int, ...] | None:
    """`1.4.2` as (1, 4, 2), without trailing zeros, so that 1.4 is 1.4.0; None where it is no version. What follows a
    `-` or `+` does not count, nor does a `v` before it."""
    number = text[:_LONGEST].strip().lower().removeprefix("v").split("-")[0].split("+")[0]
    parts = number.split(".")
    if len(parts) > 4 or not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        return None
    found = [int(part) for part in parts]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def fits_version(sent: str, first: str, last: str, also_unknown: bool) -> bool:
    """Whether what a client sent as its version lies in a range, both ends included; empty ends are open."""
    if not first and not last:
        return True
    version = parse_version(sent)
    if version is None:
        return also_unknown
    low, high = _ends(first, last)
    return version >= low and (high is None or version <= high)


def is_range(first: str, last: str) -> bool:
    """Whether any version can lie between these, both included; empty ends are open."""
    low, high = _ends(first, last)
    return high is None or low <= high


def _ends(first: str, last: str) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    return parse_version(first) or (), parse_version(last) if last else None


def fits_platform(sent: str, platforms: Collection[str]) -> bool:
    """Whether what a client sent as its platform is one of these; none are all, also those that send nothing."""
    return not platforms or sent.strip().lower() in platforms
