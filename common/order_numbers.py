"""Order numbers: a prefix, 10 digits of unix seconds, 5 digits of the fraction."""

import time

DEPOSIT, WITHDRAWAL, FUND, PLEDGE = "ZHCZ", "ZHTX", "JZGM", "ZSZY"


def new_number(prefix: str) -> str:
    """A fresh number such as `ZHCZ161770007165029`. The database's unique constraint decides collisions."""
    fraction = time.time_ns() // 10_000
    return f"{prefix}{fraction // 100_000:010d}{fraction % 100_000:05d}"
