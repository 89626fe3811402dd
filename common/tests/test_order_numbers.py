"""The numbers of payment orders."""

import re
import time

import pytest

from common import order_numbers


@pytest.mark.parametrize("prefix", ["ZHCZ", "ZHTX", "JZGM", "ZSZY"])
def test_a_number_is_prefix_seconds_and_fraction(prefix: str) -> None:
    before = time.time_ns() // 10_000
    number = order_numbers.new_number(prefix)
    after = time.time_ns() // 10_000
    assert re.fullmatch(rf"{prefix}\d{{10}}\d{{5}}", number, re.ASCII)
    assert before <= int(number.removeprefix(prefix)) <= after


def test_the_fraction_keeps_its_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1617700071_000290000)
    assert order_numbers.new_number(order_numbers.DEPOSIT) == "ZHCZ161770007100029"
