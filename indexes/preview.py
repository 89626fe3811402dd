"""What an index would be worth in a basket that an operator is writing, at the newest prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from common.money import divide, half_even, multiply
from indexes.models import Index, Tick
from indexes.rules import basket_worth, index_price


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """`price` is the newest there is of the symbol, in whichever index; `share` is its part of the basket's worth, in
    percent, `share_now` that in the basket of now. None where it is not known or not in the basket."""

    symbol: str
    weight: Decimal
    price: Decimal | None
    share: Decimal | None
    share_now: Decimal | None


@dataclass(frozen=True, slots=True)
class Preview:
    """`value_now` is the index's last price; `value` what the basket gives: the first one by its divisor, a later one
    the same as now, since it takes effect without a jump. None while a price is missing (`missing`)."""

    rows: list[PreviewRow]
    value_now: Decimal | None
    value: Decimal | None
    missing: list[str]


def newest_prices() -> dict[str, Decimal]:
    """{symbol: price} as the engine last had them, of all indexes."""
    found: dict[str, tuple[int, Decimal]] = {}
    for index in Index.objects.select_related("state").order_by("id"):
        inputs: Mapping[str, Any] | None = index.state.inputs
        if inputs is None:
            inputs = Tick.objects.filter(index=index).order_by("-at").values_list("inputs", flat=True).first()
        second = index.state.seen_at or 0
        for symbol, price in ((inputs or {}).get("prices") or {}).items():
            if price is not None and second >= found.get(symbol, (0, Decimal(0)))[0]:
                found[symbol] = second, Decimal(price)
    return {symbol: price for symbol, (_second, price) in found.items()}


def preview(index: Index, weights: Mapping[str, Decimal], divisor: Decimal | None) -> Preview:
    """A basket of these weights, beside the one in effect. `divisor` is that of a first basket."""
    prices = newest_prices()
    now = (
        index.baskets.filter(effective_at__lte=timezone.now(), divisor__isnull=False)
        .order_by("-version")
        .prefetch_related("constituents")
        .first()
    )
    weights_now = {part.symbol: part.weight for part in now.constituents.all()} if now else {}
    shares, shares_now = _shares(weights, prices), _shares(weights_now, prices)
    missing = sorted(symbol for symbol in weights if symbol not in prices)
    last = index.state.last_price
    value = last
    if now is None:
        value = index_price(weights, prices, divisor, index.decimals) if divisor and not missing and weights else None
    rows = [
        PreviewRow(
            symbol=symbol,
            weight=weights.get(symbol, Decimal(0)),
            price=half_even(prices[symbol], 8) if symbol in prices else None,
            share=shares.get(symbol),
            share_now=shares_now.get(symbol),
        )
        for symbol in sorted(weights.keys() | weights_now.keys())
    ]
    return Preview(rows=rows, value_now=last, value=None if missing else value, missing=missing)


def _shares(weights: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Each symbol's part of the worth, percent with 2 decimals; nothing while a price is missing."""
    if not weights or any(symbol not in prices for symbol in weights):
        return {}
    worth = basket_worth(weights, prices)
    parts = {symbol: multiply(weight, prices[symbol]) for symbol, weight in weights.items()}
    return {symbol: half_even(divide(part * 100, worth), 2) for symbol, part in parts.items()}
