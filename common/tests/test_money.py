"""Rounding, written forms, and what counts as a plain decimal."""

import re
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import money

decimals = st.decimals(-(10**20), 10**20, allow_nan=False, allow_infinity=False, places=12)


@pytest.mark.parametrize(
    ("value", "written"),
    [("1010", "1010.000000"), ("0", "0.000000"), ("-0.000001", "-0.000001"), ("1E+3", "1000.000000")],
)
def test_money_is_written_in_full(value: str, written: str) -> None:
    assert money.format_money(D(value)) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [("2803.3710", "2803.371"), ("2000", "2000"), ("1E+3", "1000"), ("0.00005", "0.0001"), ("0", "0")],
)
def test_prices_drop_trailing_zeros(value: str, written: str) -> None:
    assert money.format_price(D(value)) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("-0.11271", "-0.1127"),
        ("0.2", "0.2"),
        ("0", "0"),
        ("10", "10"),
        ("-0.00004", "0"),
        ("0.00005", "0.0001"),
        ("-0.00005", "-0.0001"),
    ],
)
def test_ratios_are_rounded_away_from_zero(value: str, written: str) -> None:
    assert money.format_ratio(D(value)) == written


@given(decimals)
def test_rounding_is_to_the_side_said(value: D) -> None:
    low, high = money.floor6(value), money.ceil6(value)
    assert low <= value <= high
    assert high - low <= money.MONEY
    assert money.floor(value, money.UNIT) == value


@given(st.decimals(0, D("999999999999"), places=6))
def test_what_is_written_is_read_again(value: D) -> None:
    assert money.parse_plain(money.format_money(value), 6) == value


@given(st.text(max_size=20) | st.from_regex(r"[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?", fullmatch=True))
def test_only_plain_decimals_are_read(text: str) -> None:
    plain = re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text, re.ASCII) is not None
    assert (money.parse_plain(text, 6) is not None) == plain


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-1", "+1", "1e3", "1E3", "NaN", "Infinity", "１", "٣", "½", "1_000", "1,000", ".5", "5."),
        *("0x1", "1.0000001", "1\n", " 1", "1 ", "1" * 13, "1.0.0", "1\x00"),
    ],
)
def test_what_is_no_plain_decimal(text: str) -> None:
    assert money.parse_plain(text, 6) is None
