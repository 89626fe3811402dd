"""Indexes to test with: one constituent of weight 1 and divisor 1, so that its price is the index's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from indexes.models import DEFAULT_SHARD, Basket, Constituent, Index, Leadership
from indexes.services import TickResult, record_ticks
from indexes.venues import Quote

EPOCH = 1


def lead(shard: str = DEFAULT_SHARD, epoch: int = EPOCH) -> int:
    """Makes `epoch` the shard's, as an engine that took the lead would."""
    Leadership.objects.update_or_create(shard=shard, defaults={"epoch": epoch})
    return epoch


def make_index(code: str = "sokemain", **terms: Any) -> Index:
    """An index that follows the symbol of its code, priced by one venue, `test`."""
    lead(terms.get("shard", DEFAULT_SHARD))
    index = Index.objects.create(code=code, **{"title": code, "sub_title": code.upper(), **terms})
    add_basket(index, {code: Decimal(1)}, divisor=Decimal(1), effective_at=datetime(2020, 1, 1, tzinfo=UTC))
    return index


def add_basket(
    index: Index, weights: Mapping[str, Decimal], *, divisor: Decimal | None, effective_at: datetime
) -> Basket:
    basket = Basket.objects.create(
        index=index, version=index.baskets.count() + 1, divisor=divisor, effective_at=effective_at
    )
    for symbol, weight in weights.items():
        Constituent.objects.create(
            basket=basket, symbol=symbol, weight=weight, venues=["test"], allow_single_venue=True
        )
    return basket


def tick(
    prices: Mapping[str, Any], at: datetime, *, epoch: int = EPOCH, age: float = 0.5, shard: str = DEFAULT_SHARD
) -> dict[str, TickResult]:
    """One committed second with {symbol: price}, fetched `age` seconds before; {code: result}."""
    since = at - timedelta(seconds=age)
    quotes = {symbol: Quote(Decimal(price), since) for symbol, price in prices.items()}
    with transaction.atomic():
        return {result.code: result for result in record_ticks(shard, epoch, {"test": quotes}, at)}
