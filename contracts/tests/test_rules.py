"""The contract's formulas, by worked examples with exact figures and by what must always hold."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import rules
from contracts.rules import BUY, SELL, Protection, Stake, Terms

TERMS = Terms(20, D("0.0005"), D("0.005"), D("0.0025"), D(9), D("0.01"), D("0.0004"))


def opened(direction: int, volume: int, tick: str, terms: Terms = TERMS) -> Stake:
    notional = rules.fill_price(D(tick), direction, terms.spread) * rules.quantity(volume, terms)
    return Stake(volume, notional, rules.margin(notional, terms))


def added(a: Stake, b: Stake) -> Stake:
    return Stake(a.volume + b.volume, a.notional + b.notional, a.margin + b.margin)


def test_the_documents_position():
    terms = Terms(1, D("0.0005"), D("0.005"), D("0.0025"), D(9), D(1), D(0))
    stake = opened(BUY, 1, "2041.2132", terms)
    profit = rules.profit(BUY, stake, terms, D("2803.371"))
    assert stake.margin == D("2041.213200")
    assert profit == D("762.157800")
    assert rules.profit_rate(profit, stake) == D("0.3734")


def test_a_long():
    stake = opened(BUY, 1000, "1000")
    assert rules.fill_price(D(1000), BUY, TERMS.spread) == D("1000.2")
    assert stake == Stake(1000, D("10002.000000"), D("500.100000"))
    assert rules.bound(BUY, stake, TERMS) == D("4500.900000")
    assert rules.liquidation_price(BUY, stake, TERMS) == D("955.6361")
    assert rules.cap_price(BUY, stake, TERMS) == D("1450.2900")
    assert rules.profit(BUY, stake, TERMS, D(1000)) == D("-2.000000")
    assert rules.profit_rate(D(-2), stake) == D("-0.0040")
    price = rules.hold_price(BUY, D(1000), None)
    assert rules.margin(price * 10, TERMS) + rules.fee(price * 10, TERMS) == D("510.050000")


def test_a_short():
    stake = opened(SELL, 1000, "1000")
    assert stake == Stake(1000, D("9998.000000"), D("499.900000"))
    assert rules.bound(SELL, stake, TERMS) == D("4499.100000")
    assert rules.liquidation_price(SELL, stake, TERMS) == D("1043.8389")
    assert rules.cap_price(SELL, stake, TERMS) == D("549.8900")


def test_averaging():
    stake = added(opened(BUY, 700, "1000"), opened(BUY, 300, "1010.3333"))
    assert stake == Stake(1000, D("10033.006200"), D("501.650310"))
    assert round(rules.open_price(stake, TERMS), 4) == D("1003.3006")
    assert rules.liquidation_price(BUY, stake, TERMS) == D("958.5986")
    assert rules.cap_price(BUY, stake, TERMS) == D("1454.7858")
    assert rules.profit(BUY, stake, TERMS, D("1010.3333")) == D("70.326800")


@pytest.mark.parametrize(
    ("direction", "tick", "kind", "notional", "profit", "fee", "penalty", "returned"),
    [
        (BUY, "1030", "close", "10297.940000", "295.940000", "5.148970", "0", "790.891030"),
        (SELL, "970.5", "close", "9706.941000", "291.059000", "4.853471", "0", "786.105529"),
        (BUY, "955.6361", "liquidation", "9554.449000", "-447.551000", "4.777225", "23.886123", "23.885652"),
        (BUY, "953", "liquidation", "9528.094000", "-473.906000", "4.764047", "21.429953", "0"),
        (BUY, "900", "liquidation", "8998.200000", "-500.100000", "0", "0", "0"),
        (BUY, "1600", "cap", "15996.800000", "4500.900000", "7.998400", "0", "4993.001600"),
    ],
    ids=["long", "short", "liquidation", "small gap", "gap beyond the margin", "cap"],
)
def test_closing_the_whole(direction, tick, kind, notional, profit, fee, penalty, returned):
    stake = opened(direction, 1000, "1000")
    result = rules.closing(direction, stake, TERMS, 1000, D(tick), kind=kind)
    assert result.part == stake
    assert (result.notional, result.profit) == (D(notional), D(profit))
    assert (result.fee, result.liquidation_fee, result.returned) == (D(fee), D(penalty), D(returned))
    assert result.bound == rules.bound(direction, stake, TERMS)


def test_closing_a_part():
    stake = added(opened(BUY, 700, "1000"), opened(BUY, 300, "1010.3333"))
    result = rules.closing(BUY, stake, TERMS, 333, D("1011.1"))
    assert result.part == Stake(333, D("3340.991065"), D("167.049553"))
    assert (result.notional, result.profit, result.fee) == (D("3366.289341"), D("25.298276"), D("1.683145"))
    assert (result.returned, result.bound) == (D("190.664684"), D("1503.445977"))
    rest = rules.remainder(stake, result.part)
    assert rest == Stake(667, D("6692.015135"), D("334.600757"))
    assert rules.bound(BUY, rest, TERMS) == D("3011.406813")


def test_a_sells_bound_is_at_most_its_notional():
    terms = Terms(1, D("0.0005"), D("0.005"), D("0.0025"), D(9), D(1), D("0.0004"))
    stake = opened(SELL, 10, "1000", terms)
    assert rules.bound(SELL, stake, terms) == D("9998.000000")
    assert rules.liquidation_price(SELL, stake, terms) == D("1988.2647")
    assert rules.cap_price(SELL, stake, terms) == 0


def test_fee_shares():
    stake = opened(BUY, 7, "777.7777")
    fee = rules.fee(stake.notional, TERMS)
    assert (stake.notional, stake.margin, fee) == (D("54.455331"), D("2.722767"), D("0.027228"))
    shares = rules.split_fee(fee, D("0.3"), D("0.3"))
    assert (shares.pool, shares.incentive, shares.revenue) == (D("0.008168"), D("0.008168"), D("0.010892"))


def test_a_limit_sell_is_held_at_no_less_than_the_last_price():
    assert rules.hold_price(SELL, D(1000), D(900)) == D(1000)
    assert rules.hold_price(SELL, D(1000), D(1100)) == D(1100)
    assert rules.hold_price(BUY, D(1000), D(900)) == D(900)
    assert rules.hold_price(BUY, D("333.3333"), None) == D("336.6667")


prices = st.integers(10_000, 10**9).map(lambda n: D(n) / 10_000)
directions = st.sampled_from([BUY, SELL])
volumes = st.integers(1, 10_000)


@st.composite
def terms(draw) -> Terms:
    lever = draw(st.integers(1, 100))
    room = D(1) / lever / 2
    fee = min(D("0.01"), (room * D(draw(st.integers(0, 40))) / 100).quantize(D("1e-8"), "ROUND_FLOOR"))
    mmr = (room * D(draw(st.integers(0, 40))) / 100).quantize(D("1e-8"), "ROUND_FLOOR")
    spread = (room * D(draw(st.integers(0, 20))) / 100).quantize(D("1e-8"), "ROUND_FLOOR")
    size = draw(st.sampled_from([D("0.01"), D("0.1"), D(1), D("0.07")]))
    return Terms(lever, fee, mmr, mmr, D(draw(st.integers(1, 10))), size, spread)


@given(directions, terms(), volumes, volumes, prices, prices, st.booleans())
def test_a_close_pays_out_exactly_what_it_takes(direction, terms, volume, part, tick, later, liquidated):
    stake = opened(direction, volume, str(tick), terms)
    part = min(part, volume)
    result = rules.closing(direction, stake, terms, part, later, kind="liquidation" if liquidated else "close")
    assert result.part.margin + result.profit == result.fee + result.liquidation_fee + result.returned
    assert min(result.fee, result.liquidation_fee, result.returned, result.part.margin) >= 0
    assert -result.part.margin <= result.profit <= result.bound
    rest = rules.remainder(stake, result.part)
    assert min(rest.volume, rest.notional, rest.margin) >= 0
    kept = rules.bound(direction, rest, terms) if rest.volume else D(0)
    assert result.bound + kept == rules.bound(direction, stake, terms)


@given(directions, terms(), volumes, prices)
def test_a_position_is_not_reached_at_its_own_tick(direction, terms, volume, tick):
    stake = opened(direction, volume, str(tick), terms)
    if stake.notional < rules.SMALLEST_NOTIONAL:
        return
    liquidation = rules.liquidation_price(direction, stake, terms)
    assert rules.reached(direction, tick, stake, terms, Protection()) == ""
    assert rules.reached(direction, liquidation or D("0.0001"), stake, terms, Protection()) == (
        "liquidation" if liquidation else ""
    )


@given(directions, terms(), volumes, prices, prices, st.none() | prices, st.none() | prices)
def test_the_database_finds_whatever_is_reached(direction, terms, volume, opened_at, tick, take, stop):
    """`reached` says nothing between the triggers, and something at or beyond them."""
    stake, protection = opened(direction, volume, str(opened_at), terms), Protection(take, stop)
    lower, upper = rules.triggers(direction, stake, terms, protection)
    assert bool(rules.reached(direction, tick, stake, terms, protection)) == (tick <= lower or tick >= upper)


def test_what_comes_first_when_a_tick_reaches_several():
    stake = opened(BUY, 1000, "1000")
    both = Protection(take_profit=D(900), stop_loss=D(1100))
    assert rules.reached(BUY, D("955.6361"), stake, TERMS, both) == "liquidation"
    assert rules.reached(BUY, D("1450.29"), stake, TERMS, both) == "cap"
    assert rules.reached(BUY, D(1000), stake, TERMS, both) == "stop_loss"
    assert rules.reached(BUY, D(1000), stake, TERMS, Protection(take_profit=D(1000))) == "take_profit"
    assert rules.reached(SELL, D(1000), opened(SELL, 1000, "1000"), TERMS, Protection(stop_loss=D(1000))) == "stop_loss"


def test_a_pool_exit_costs_the_client_nothing():
    stake = opened(BUY, 1000, "1000")
    result = rules.closing(BUY, stake, TERMS, 1000, D(1030), kind="pool_exit")
    assert (result.price, result.fee, result.liquidation_fee) == (D(1030), 0, 0)
    assert result.returned == stake.margin + result.profit == D("798.100000")
