"""Mining's formulas: the worked examples of docs/mining.md, and what must hold for any figures."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining import rules

DOCS = Path(__file__).resolve().parents[2] / "docs" / "mining.md"


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/mining.md."""
    text = DOCS.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \S", line)]
    assert len(rows) > 2
    return rows[2:]


@pytest.mark.parametrize("row", table("Power, worked"))
def test_worked_powers(row: list[str]) -> None:
    pledge, fund, pledge_weight, fund_weight, power = map(Decimal, row)
    assert rules.power(pledge, fund, pledge_weight, fund_weight) == power


@pytest.mark.parametrize("row", table("Shares, worked"))
def test_worked_shares(row: list[str]) -> None:
    pool, rate, pot, power, total, share = map(Decimal, row)
    assert rules.pot(pool, int(rate)) == pot
    assert rules.share(pot, power, total) == share


amounts = st.decimals("0", "1000000000", places=6)
weights = st.decimals("0", "1000", places=6)


@given(amounts, amounts, weights, weights)
def test_power_is_the_floor_of_what_is_held(pledge: Decimal, fund: Decimal, a: Decimal, b: Decimal) -> None:
    power = rules.power(pledge, fund, a, b)
    assert power <= pledge * a + fund * b < power + Decimal("0.000001")
    # More of either is never less.
    assert rules.power(pledge + 1, fund, a, b) >= power
    assert rules.power(pledge, fund + 1, a, b) >= power


@given(amounts, st.integers(0, 100), st.lists(st.decimals("0.000001", "1000000000", places=6), min_size=1, max_size=20))
def test_shares_of_a_pot(pool: Decimal, rate: int, powers: list[Decimal]) -> None:
    pot, total = rules.pot(pool, rate), sum(powers, Decimal(0))
    assert 0 <= pot <= pool
    shares = [rules.share(pot, power, total) for power in powers]
    # Nothing more than the pot; the dust is less than a millionth a miner.
    assert 0 <= pot - sum(shares) < Decimal("0.000001") * len(powers)
    for power, share in zip(powers, shares, strict=True):
        assert share * total <= pot * power < (share + Decimal("0.000001")) * total
    ordered = sorted(zip(powers, shares, strict=True))
    assert [share for _power, share in ordered] == sorted(shares)


def test_nothing_is_shared_among_nobody() -> None:
    assert rules.share(Decimal(100), Decimal(0), Decimal(0)) == 0
