import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.forms import model_to_dict
from django.urls import reverse

from common.times import SHANGHAI
from indexes import terms
from indexes.models import Basket, Index
from indexes.services import record_ticks
from indexes.tests.factories import EPOCH, make_index, tick
from indexes.venues import Quote

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    client.force_login(get_user_model().objects.create_superuser("operator", password="x"))
    client.cookies["django_language"] = "en"
    return client


def basket_form(index: Index, effective_at: datetime, **fields: str) -> dict[str, str]:
    effective_at = effective_at.astimezone(SHANGHAI)
    return {
        "index": str(index.pk),
        "effective_at_0": effective_at.strftime("%Y-%m-%d"),
        "effective_at_1": effective_at.strftime("%H:%M:%S"),
        "divisor": "",
        "constituents-TOTAL_FORMS": "1",
        "constituents-INITIAL_FORMS": "0",
        "constituents-MIN_NUM_FORMS": "1",
        "constituents-MAX_NUM_FORMS": "1000",
        "constituents-0-symbol": "BTC/USDT",
        "constituents-0-weight": "1",
        "constituents-0-venues": "simulated",
        "constituents-0-allow_single_venue": "on",
        **fields,
    }


def test_every_model_shows_and_can_be_searched(operator):
    make_index()
    tick({"sokemain": 100}, datetime.now(UTC) - timedelta(hours=3))
    tick({"sokemain": 100}, datetime.now(UTC))
    for model in apps.get_app_config("indexes").get_models():
        name = f"admin:indexes_{model._meta.model_name}"
        answer = operator.get(reverse(f"{name}_changelist"), {"q": "sokemain"})
        assert answer.status_code == 200, model
        if instance := model._default_manager.first():
            assert operator.get(reverse(f"{name}_change", args=[instance.pk])).status_code == 200, model


def test_terms_out_of_bounds_are_refused_with_a_sentence(operator):
    index = make_index()
    url = reverse("admin:indexes_index_change", args=[index.pk])
    form = {name: str(value) for name, value in model_to_dict(index).items() if name != "enabled"}
    answer = operator.post(url, {**form, "mmr": "0.03"})
    assert answer.status_code == 200
    assert "at most 1 / lever" in answer.content.decode()
    assert operator.post(url, {**form, "lever": "10"}).status_code == 302
    index.refresh_from_db()
    assert (index.lever, index.enabled) == (10, False)


def test_rooms_above_may_object_to_a_change_of_terms(operator, monkeypatch):
    index = make_index()
    monkeypatch.setattr(terms, "_guards", [])
    terms.register(
        lambda before, after: iter(["Something is open."] if before.contract_size != after.contract_size else [])
    )
    url = reverse("admin:indexes_index_change", args=[index.pk])
    form = {name: str(value) for name, value in model_to_dict(index).items()}
    assert "Something is open." in operator.post(url, {**form, "contract_size": "0.02"}).content.decode()
    assert operator.post(url, {**form, "spread": "0"}).status_code == 302
    index.refresh_from_db()
    assert (index.contract_size, index.spread) == (D("0.01"), D(0))


def test_baskets_are_announced_and_stay_as_they_are_once_in_effect(operator):
    index = Index.objects.create(title="x", code="x")
    url = reverse("admin:indexes_basket_add")
    now = datetime.now(UTC)
    assert "needs a divisor" in operator.post(url, basket_form(index, now)).content.decode()
    assert operator.post(url, basket_form(index, now - timedelta(days=1), divisor="20")).status_code == 302
    first = Basket.objects.get()
    assert (first.version, first.divisor, first.constituents.get().venues) == (1, D(20), ["simulated"])

    late = operator.post(url, basket_form(index, now - timedelta(hours=12)))
    assert "takes effect in the future" in late.content.decode()
    later = now + timedelta(days=2)
    assert "Only the first basket" in operator.post(url, basket_form(index, later, divisor="2")).content.decode()
    single = {"constituents-0-allow_single_venue": ""}
    assert "Name two venues" in operator.post(url, basket_form(index, later, **single)).content.decode()
    assert operator.post(url, basket_form(index, later)).status_code == 302
    second = Basket.objects.get(version=2)
    assert second.divisor is None

    change = reverse("admin:indexes_basket_change", args=[first.pk])
    assert operator.post(change, basket_form(index, later, divisor="3")).status_code == 403
    delete = reverse("admin:indexes_basket_delete", args=[second.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 302
    assert list(Basket.objects.all()) == [first]


def test_what_the_engine_writes_is_only_read(operator):
    make_index()
    tick({"sokemain": 100}, datetime.now(UTC))
    for name in ("tick", "candle", "indexstate", "leadership", "candlegap"):
        assert operator.get(reverse(f"admin:indexes_{name}_add")).status_code == 403


def test_an_index_shows_its_venues_with_price_and_age_and_what_became_of_them(operator):
    index = make_index(code="btc")
    constituent = index.baskets.get().constituents.get()
    constituent.venues = ["one", "two", "three", "four", "five", "six"]
    constituent.save()
    url = reverse("admin:indexes_index_change", args=[index.pk])
    assert "No engine has looked at it yet" in operator.get(url).content.decode()

    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    fresh, old = at - timedelta(seconds=1.2), at - timedelta(seconds=7)
    quotes = {
        "one": {"btc": Quote(D("100"), fresh)},
        "two": {"btc": Quote(D("101"), fresh, at)},
        "three": {"btc": Quote(D("1010"), fresh)},
        "four": {"btc": Quote(D("100.5"), old)},
        "five": {"btc": Quote(D("100.6"), fresh, old)},
    }
    record_ticks("main", EPOCH, quotes, at)
    text = shown(operator.get(url).content.decode())
    assert "Basket 1, 2026-03-10 20:00:00" in text
    assert "btc 1 101.676666667 one" in text
    for row in (
        "one 100 1.2 counts",
        "two 101 1.2 counts",
        "three 1010 1.2 clamped",
        "four 100.5 7.0 left out: too old",
        "five 100.6 1.2 left out: the venue stands still",
        "six - - missing",
    ):
        assert row in text

    later = at + timedelta(seconds=1)
    for prices, expected in (
        ({"one": "100", "two": "102"}, "one 100 0.5 not enough: the venues disagree"),
        ({"one": "100", "two": "-1"}, "one 100 0.5 not enough: one venue alone"),
        ({"two": "-1"}, "two -1 0.5 left out: not a possible price"),
    ):
        index.baskets.get().constituents.update(allow_single_venue=False)
        since = later - timedelta(seconds=0.5)
        record_ticks("main", EPOCH, {name: {"btc": Quote(D(price), since)} for name, price in prices.items()}, later)
        text = shown(operator.get(url).content.decode())
        assert "The index is stale: no_price btc" in text
        assert "btc 1 -" in text
        assert expected in text
        later += timedelta(seconds=1)


def shown(page: str) -> str:
    """The words of the table, one space between any two."""
    start = page.index('id="last-second"')
    return " ".join(re.sub(r"<[^>]*>", " ", page[start : page.index("</table>", start)]).split())
