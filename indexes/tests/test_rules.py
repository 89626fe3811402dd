from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.times import SHANGHAI
from indexes.rules import (
    INTERVALS,
    Jump,
    basket_worth,
    bucket_start,
    buckets_within,
    combine_prices,
    index_price,
    judge_jump,
    jump_limit,
    next_bucket,
    quote_change,
    rebased_divisor,
)

PRICES = st.decimals("0.0001", "1000000", places=4)
MOMENTS = st.integers(
    int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2105, 1, 1, tzinfo=UTC).timestamp())
)


def test_three_venues_one_of_them_wild_move_the_price_by_one_percent_at_most():
    assert combine_prices([D(100), D(100), D(200)]) == (D(100) + D(100) + D(103)) / 3
    assert combine_prices([D(100), D(100), D(1), D(100)]) == (D(300) + D(97)) / 4


def test_an_even_number_of_venues_takes_the_middle_of_the_two_in_the_middle():
    assert combine_prices([D(99), D(100), D(102), D(103)]) == D(101)


@pytest.mark.parametrize(
    ("second", "price"), [("99", "99.5"), ("98.9999", None), ("101.01", "100.505"), ("101.02", None)]
)
def test_two_venues_must_agree_within_one_percent(second, price):
    assert combine_prices([D(100), D(second)]) == (None if price is None else D(price))


def test_one_venue_is_enough_only_where_configured():
    assert combine_prices([D(100)]) is None
    assert combine_prices([D(100)], single=True) == 100
    assert combine_prices([], single=True) is None


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-1", "0", "1e12"])
def test_what_cannot_be_a_price_is_left_out(wrong):
    assert combine_prices([D(wrong)], single=True) is None
    assert combine_prices([D(100), D(wrong), D(100)]) == 100


@given(st.lists(PRICES, min_size=3, max_size=7), PRICES)
def test_one_venue_of_many_cannot_leave_the_others(quotes, wild):
    price = combine_prices([*quotes, wild])
    assert min(quotes) * D("0.96") <= price <= max(quotes) * D("1.04")


def test_an_index_rounds_half_to_even():
    weights = {"A": D(1), "B": D("0.5")}
    assert index_price(weights, {"A": D("1.00005"), "B": D(2)}, D(1), 4) == D("2.0000")
    assert index_price(weights, {"A": D("1.00015"), "B": D(2)}, D(1), 4) == D("2.0002")
    assert index_price(weights, {"A": D(60000), "B": D(3000)}, D(20), 0) == 3075


@given(st.lists(PRICES, min_size=2, max_size=5), st.lists(PRICES, min_size=2, max_size=5), PRICES)
def test_a_rebalance_keeps_the_index(before, after, divisor):
    old = {str(n): D(n + 1) for n in range(len(before))}
    new = {str(n): D("0.37") for n in range(len(after))}
    old_prices = {str(n): price for n, price in enumerate(before)}
    new_prices = {str(n): price for n, price in enumerate(after)}
    rebased = rebased_divisor(basket_worth(old, old_prices), divisor, basket_worth(new, new_prices))
    assert len(rebased.as_tuple().digits) <= 30
    difference = index_price(old, old_prices, divisor, 4) - index_price(new, new_prices, rebased, 4)
    assert abs(difference) <= max(D("0.0001"), D("1e-24") * index_price(old, old_prices, divisor, 4))


def test_the_jump_limit_is_five_percent_or_half_a_margin():
    assert jump_limit(1) == D("0.05")
    assert jump_limit(20) == D("0.025")


def test_a_jump_counts_with_its_third_confirmation():
    waiting = None
    for price, counts in [("110", False), ("109", False), ("111", False), ("110.5", True)]:
        accepted, waiting = judge_jump(D(price), last=D(100), waiting=waiting, limit=D("0.025"))
        assert accepted is counts
    assert waiting is None


def test_a_jump_that_is_not_confirmed_starts_anew_and_one_that_returns_is_forgotten():
    assert judge_jump(D(120), last=D(100), waiting=Jump(D(110), 2), limit=D("0.025")) == (False, Jump(D(120), 0))
    assert judge_jump(D(101), last=D(100), waiting=Jump(D(110), 2), limit=D("0.025")) == (True, None)
    assert judge_jump(D("102.5"), last=D(100), waiting=None, limit=D("0.025")) == (True, None)
    assert judge_jump(D("102.5001"), last=D(100), waiting=None, limit=D("0.025")) == (False, Jump(D("102.5001")))


def test_the_change_of_a_day():
    assert quote_change(D("3027.4376"), D("2994.1149")) == D("0.0111")
    assert quote_change(D(1), D(3)) == D("-0.6667")


def test_the_buckets_of_the_documents_sample():
    moment = 1617262568
    starts = {name: bucket_start(interval, moment) for name, interval in INTERVALS.items()}
    assert starts == {
        "1min": 1617262560,
        "5min": 1617262500,
        "15min": 1617262200,
        "30min": 1617262200,
        "60min": 1617260400,
        "4hour": 1617249600,
        "1day": 1617206400,
        "1week": 1616947200,
        # The sample has the day before: a slip. April began here.
        "1mon": 1617206400,
    }


@given(MOMENTS)
def test_days_weeks_and_months_are_those_of_shanghai(moment):
    local = datetime.fromtimestamp(moment, SHANGHAI)
    midnight = local.replace(hour=0, minute=0, second=0)
    assert bucket_start(INTERVALS["1day"], moment) == midnight.timestamp()
    assert bucket_start(INTERVALS["1week"], moment) == (midnight - timedelta(days=local.weekday())).timestamp()
    assert bucket_start(INTERVALS["1mon"], moment) == midnight.replace(day=1).timestamp()
    assert bucket_start(INTERVALS["4hour"], moment) == midnight.replace(hour=local.hour // 4 * 4).timestamp()


@given(MOMENTS, st.sampled_from(sorted(INTERVALS.values())))
def test_buckets_follow_each_other(moment, interval):
    start = bucket_start(interval, moment)
    following = next_bucket(interval, start)
    assert start <= moment < following
    assert bucket_start(interval, following - 1) == start
    assert bucket_start(interval, following) == following
    assert buckets_within(interval, start, following + 1) == [start, following]


def test_february_of_a_leap_year_has_29_days():
    start = int(datetime(2024, 2, 1, tzinfo=SHANGHAI).timestamp())
    assert next_bucket(INTERVALS["1mon"], start) - start == 29 * 86400
    leap_day = int(datetime(2024, 2, 29, 23, 59, 59, tzinfo=SHANGHAI).timestamp())
    assert bucket_start(INTERVALS["1mon"], leap_day) == start
    assert bucket_start(INTERVALS["1mon"], leap_day + 1) == leap_day + 1
