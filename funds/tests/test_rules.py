"""The funds' formulas: the worked examples of docs/funds.md, and what must hold for any figures."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.times import SHANGHAI, add_months
from funds import rules

DOCS = Path(__file__).resolve().parents[2] / "docs" / "funds.md"


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/funds.md."""
    text = DOCS.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \S", line)]
    assert len(rows) > 2
    return rows[2:]


@pytest.mark.parametrize("row", table("Rewards, worked"))
def test_worked_rewards(row: list[str]) -> None:
    amount, profit, reward, back = (Decimal(text.replace("−", "-")) for text in row)
    assert rules.reward(amount, profit) == reward
    assert rules.principal_after(amount, reward) == back


@pytest.mark.parametrize("row", table("Early redemption, worked"))
def test_worked_early_redemptions(row: list[str]) -> None:
    amount, rate, fee, back = map(Decimal, row)
    assert rules.early_fee(amount, rate) == fee
    assert amount - fee == back


@pytest.mark.parametrize("row", table("Periods, worked"))
def test_worked_periods(row: list[str]) -> None:
    start, months, end = row
    moment = datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)
    assert add_months(moment, int(months)) == datetime.fromisoformat(end).replace(tzinfo=SHANGHAI)


amounts = st.decimals("0.000001", "1000000000", places=6)
profits = st.decimals("-0.9999", "9", places=4)
rates = st.decimals("0", "1", places=4)


@given(amounts, profits)
def test_a_reward_is_the_floor_of_its_product(amount: Decimal, profit: Decimal) -> None:
    reward = rules.reward(amount, profit)
    exact = amount * profit
    assert reward <= exact < reward + Decimal("0.000001")
    assert reward == reward.quantize(Decimal("0.000001"))
    # A loss never exceeds the principal; the client never gets more than the principal and a positive reward.
    assert 0 <= rules.principal_after(amount, reward) <= amount
    assert rules.principal_after(amount, reward) == amount + min(Decimal(0), reward)


@given(st.lists(amounts, min_size=1, max_size=5), profits)
def test_splitting_an_amount_gains_nothing(parts: list[Decimal], profit: Decimal) -> None:
    assert sum(rules.reward(part, profit) for part in parts) <= rules.reward(sum(parts), profit)


@given(amounts, profits, rates)
def test_leaving_early_saves_no_loss(amount: Decimal, profit: Decimal, rate: Decimal) -> None:
    fee = rules.early_fee(amount, max(rate, rules.least_early_fee([profit])))
    assert 0 <= fee <= amount
    assert amount - fee <= rules.principal_after(amount, rules.reward(amount, profit))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.integers(1, 120))  # noqa: DTZ001
def test_months_are_the_calendars(start: datetime, months: int) -> None:
    moment = start.replace(tzinfo=SHANGHAI)
    end = add_months(moment, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert (end.hour, end.minute, end.second, end.microsecond) == (
        start.hour,
        start.minute,
        start.second,
        start.microsecond,
    )
    last = (date(end.year + end.month // 12, end.month % 12 + 1, 1) - timedelta(days=1)).day
    assert end.day == min(start.day, last)
