"""One second after the other, through the service that the engine calls."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from indexes import leadership, services
from indexes.models import Basket, Candle, Constituent, Index, IndexState, Leadership, Tick
from indexes.rules import INTERVALS
from indexes.tests.factories import add_basket, lead, make_index, tick
from indexes.venues import Quote

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_tick_is_stored_with_its_inputs_and_makes_nine_candles():
    index = make_index()
    result = tick({"sokemain": "2803.371"}, at(0.7))["sokemain"]
    assert (result.price, result.last_price, result.stale) == (D("2803.3710"), D("2803.3710"), False)
    assert result.since == at(0.2)
    assert {tuple(candle[1:]) for candle in result.candles.values()} == {(D("2803.3710"),) * 4}
    assert sorted(result.candles) == sorted(INTERVALS.values())
    stored = Tick.objects.get(index=index)
    assert stored.pk == result.tick_id
    assert (stored.at, stored.price, stored.fetched_since) == (START, D("2803.3710"), at(0.2))
    assert stored.inputs == {
        "basket": 1,
        "prices": {"sokemain": "2803.371"},
        "quotes": {"sokemain": {"test": ["2803.371", at(0.2).timestamp()]}},
    }


def test_a_second_is_ticked_once():
    make_index()
    assert tick({"sokemain": 100}, at(0))
    assert tick({"sokemain": 101}, at(0.9)) == {}
    assert tick({"sokemain": 101}, at(-5)) == {}
    assert Tick.objects.count() == 1


def test_candles_follow_the_ticks():
    make_index()
    for second, price in enumerate(["100", "102", "99.5", "101"]):
        result = tick({"sokemain": price}, at(second))["sokemain"]
    assert result.day is not None
    assert result.day[1:] == (D(100), D(102), D("99.5"), D(101))
    assert tick({"sokemain": "99"}, at(30))["sokemain"].candles[1][1:] == (D("99"),) * 4


@pytest.mark.parametrize("age", [3.001, 60])
def test_old_quotes_make_an_index_stale(age):
    index = make_index()
    tick({"sokemain": 100}, at(0))
    result = tick({"sokemain": 101}, at(1), age=age)["sokemain"]
    assert result.stale
    assert result.stale_reason == "no_price sokemain"
    assert (result.price, result.since, result.tick_id) == (None, None, None)
    assert result.last_price == 100
    assert result.day is not None
    assert result.day.close == 100
    assert Tick.objects.count() == 1
    assert IndexState.objects.get(index=index).stale
    assert not tick({"sokemain": 101}, at(2), age=3)["sokemain"].stale


def test_the_oldest_quote_says_since_when_a_tick_is_known():
    index = make_index()
    index.baskets.get().constituents.update(venues=["one", "two", "three"])
    quotes = {
        "one": {"sokemain": Quote(D(100), at(-2.5))},
        "two": {"sokemain": Quote(D(101), at(-0.5))},
        "three": {"sokemain": Quote(D(90), at(-3.5))},
    }
    (result,) = services.record_ticks("main", 1, quotes, at(0))
    assert (result.price, result.since) == (D("100.5"), at(-2.5))


def test_an_index_without_basket_or_before_its_first_has_no_tick():
    lead()
    empty = Index.objects.create(title="x", code="empty")
    soon = make_index("soon")
    Basket.objects.filter(index=soon).update(effective_at=at(10))
    results = tick({"soon": 100}, at(0))
    assert {code: result.stale_reason for code, result in results.items()} == {
        "empty": "no_price basket",
        "soon": "no_price basket",
    }
    assert results["empty"].candles == {}
    assert Candle.objects.count() == 0
    assert IndexState.objects.get(index=empty).last_price is None
    assert tick({"soon": 100}, at(10))["soon"].price == 100


def test_a_jump_waits_for_three_ticks_and_no_candle_sees_it_before():
    index = make_index(lever=20)
    tick({"sokemain": 100}, at(0))
    for second in (1, 2, 3):
        result = tick({"sokemain": 110}, at(second))["sokemain"]
        assert (result.price, result.stale_reason) == (None, "jump")
        assert result.day is not None
        assert result.day.high == 100
    state = IndexState.objects.get(index=index)
    assert (state.jump_price, state.jump_confirmed, state.stale) == (D(110), 2, True)
    result = tick({"sokemain": 110}, at(4))["sokemain"]
    assert (result.price, result.stale) == (D(110), False)
    assert result.day is not None
    assert result.day.high == 110


def test_one_index_without_a_price_leaves_the_others_alone():
    make_index("one")
    make_index("two")
    results = tick({"two": 5}, at(0))
    assert results["one"].stale
    assert results["two"].price == 5


def test_a_rebalance_takes_effect_at_its_time_and_moves_nothing():
    index = make_index()
    add_basket(index, {"sokemain": D(1), "new": D(3)}, divisor=None, effective_at=at(1))
    assert services.wanted_quotes("main") == {"test": {"sokemain", "new"}}
    assert tick({"sokemain": 100, "new": 50}, at(0))["sokemain"].price == 100
    assert tick({"sokemain": 101, "new": 50}, at(1))["sokemain"].price == 101
    basket = index.baskets.get(version=2)
    assert basket.divisor is not None
    assert round(basket.divisor, 20) == round(D(251) / D(101), 20)
    assert Tick.objects.get(at=at(1)).inputs["basket"] == 2
    assert tick({"sokemain": 101, "new": 51}, at(2))["sokemain"].price == D("102.2072")


def test_a_rebalance_waits_for_the_prices_of_what_is_new():
    index = make_index()
    tick({"sokemain": 100}, at(0))
    add_basket(index, {"new": D(3)}, divisor=None, effective_at=at(1))
    assert tick({"sokemain": 101}, at(1))["sokemain"].price == 101
    assert index.baskets.get(version=2).divisor is None


def test_a_rebalance_mends_an_index_whose_old_basket_has_no_price_any_more():
    index = make_index()
    tick({"sokemain": 100}, at(0))
    add_basket(index, {"new": D(3)}, divisor=None, effective_at=at(1))
    assert tick({"new": 7}, at(1))["sokemain"].price == 100
    assert tick({"new": D("7.07")}, at(2))["sokemain"].price == 101


def test_an_index_of_another_shard_is_left_to_its_engine():
    make_index("one")
    make_index("two", shard="second")
    assert list(tick({"one": 1, "two": 1}, at(0))) == ["one"]
    assert list(tick({"one": 1, "two": 1}, at(0), shard="second")) == ["two"]


def test_the_database_refuses_an_older_epoch():
    index = make_index()
    lead(epoch=2)
    with pytest.raises(leadership.Fenced), transaction.atomic():
        tick({"sokemain": 100}, at(0), epoch=1)
    statement = """
        INSERT INTO indexes_tick (index_id, at, price, fetched_since, inputs, simulated, epoch)
        VALUES (%s, now(), 1, now(), '{}', false, %s)
    """
    for epoch in (1, 3):
        with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [index.pk, epoch])
        assert leadership.is_fenced(refused.value)
    assert Tick.objects.count() == 0
    assert Candle.objects.count() == 0
    with connection.cursor() as cursor:
        cursor.execute(statement, [index.pk, 2])


def test_without_a_leader_nobody_ticks():
    make_index()
    Leadership.objects.all().delete()
    with pytest.raises(leadership.Fenced):
        tick({"sokemain": 100}, at(0))


@pytest.mark.parametrize(
    "terms",
    [
        {"code": "Soke"},
        {"code": ""},
        {"decimals": 5},
        {"lever": 0},
        {"lever": 101, "mmr": D("0.0001")},
        {"fee_rate": D("0.0101"), "lever": 1},
        {"fee_rate": D("-0.0001")},
        {"liquidation_fee_rate": D("0.0051")},
        {"liquidation_fee_rate": D("-0.0001")},
        {"mmr": D(0), "liquidation_fee_rate": D(0)},
        {"max_profit_rate": D("0.99")},
        {"max_profit_rate": D("10.0001")},
        {"contract_size": D(0)},
        {"spread": D("-0.0001")},
        {"mmr": D("0.02410001"), "spread": D("0.0004")},
        {"max_order_volume": 0},
        {"max_order_volume": 11, "max_position_volume": 10},
        {"max_open_interest": D(-1)},
    ],
)
def test_terms_out_of_bounds_are_refused_by_the_database(terms):
    with pytest.raises(IntegrityError), transaction.atomic():
        Index.objects.create(**{"title": "x", "code": "x", **terms})


def test_terms_at_their_bounds_are_taken():
    bounds: list[dict[str, object]] = [
        {},
        {"mmr": D("0.0241"), "spread": D("0.0004")},
        {"lever": 100, "mmr": D("0.004"), "fee_rate": D("0.001"), "spread": D(0)},
        {"lever": 1, "fee_rate": D("0.01"), "mmr": D("0.489"), "spread": D("0.001")},
        {"lever": 3, "mmr": D("0.16576666")},
    ]
    for number, terms in enumerate(bounds):
        Index.objects.create(**{"title": "x", "code": f"x{number}", **terms})
    with pytest.raises(IntegrityError), transaction.atomic():
        Index.objects.create(title="x", code="y", lever=3, mmr=D("0.16576667"))


def test_old_ticks_are_forgotten_but_the_last_one_of_each_index():
    make_index("one")
    make_index("two")
    old = datetime.now(UTC) - timedelta(days=8)
    for second in range(5):
        tick({"one": 1, "two": 2}, old + timedelta(seconds=second))
    tick({"one": 1}, datetime.now(UTC))
    assert services.prune_ticks() == 9
    assert sorted(Tick.objects.values_list("index__code", flat=True)) == ["one", "two"]
    assert IndexState.objects.get(index__code="two").last_price == 2


def test_a_basket_names_venues_and_weights_above_zero():
    basket = make_index().baskets.get()
    mistakes: list[dict[str, object]] = [{"venues": []}, {"weight": 0}, {"symbol": "sokemain"}]
    for wrong in mistakes:
        with pytest.raises(IntegrityError), transaction.atomic():
            Constituent.objects.create(**{"basket": basket, "symbol": "x", "weight": 1, "venues": ["a"], **wrong})


@pytest.mark.parametrize(("version", "divisor"), [(1, None), (1, 0), (2, 0), (2, -1)])
def test_a_divisor_is_above_zero_and_the_first_basket_has_one(version, divisor):
    index = Index.objects.create(title="x", code="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        Basket.objects.create(index=index, version=version, divisor=divisor, effective_at=START)
