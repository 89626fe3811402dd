"""What an index's price was made of in the second that the engine last looked at it, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context
from typing import Any

from indexes.models import Constituent, Index, Tick

# Means have 80 digits; nobody wants to read them.
_SHOWN = Context(prec=12)

COUNTS, CLAMPED, APART, ALONE, MISSING = "counts", "clamped", "apart", "alone", "missing"


@dataclass(frozen=True, slots=True)
class VenueQuote:
    """What a venue said. `age` is in seconds, from the fetch to the second; `use` is one of the constants above or
    why the quote was left out (`old`, `frozen`, `impossible`). A missing one has neither price nor age."""

    venue: str
    price: str | None
    age: float | None
    use: str


@dataclass(frozen=True, slots=True)
class PricedConstituent:
    symbol: str
    weight: str
    # 12 digits; None where its quotes did not suffice.
    price: str | None
    quotes: list[VenueQuote]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The inputs of one second; of a stale one, as far as there were any."""

    at: datetime
    basket: int
    stale_reason: str
    constituents: list[PricedConstituent]


def last_second(index: Index) -> Evidence | None:
    """Of the last tick or, while the index is stale, of the last second without one; None before the first."""
    state = index.state
    inputs, second = state.inputs, state.seen_at
    if not state.stale and state.ticked_at is not None:
        second = state.ticked_at
        tick = Tick.objects.filter(index=index, at=datetime.fromtimestamp(second, UTC)).first()
        inputs = tick.inputs if tick else None
    if inputs is None or second is None:
        return None
    constituents = Constituent.objects.filter(basket__index=index, basket__version=inputs["basket"])
    return Evidence(
        at=datetime.fromtimestamp(second, UTC),
        basket=inputs["basket"],
        stale_reason=state.stale_reason,
        constituents=[_priced(constituent, inputs, second) for constituent in constituents.order_by("symbol")],
    )


def _priced(constituent: Constituent, inputs: Mapping[str, Any], second: int) -> PricedConstituent:
    symbol = constituent.symbol
    quotes: Mapping[str, Any] = inputs["quotes"].get(symbol, {})
    left_out: Mapping[str, Any] = inputs.get("left_out", {}).get(symbol, {})
    clamped = inputs.get("clamped", {}).get(symbol, ())
    price = inputs["prices"].get(symbol)
    found = []
    for venue in constituent.venues:
        if venue in quotes:
            quoted, since = quotes[venue]
            use = CLAMPED if venue in clamped else COUNTS
            if price is None:
                use = ALONE if len(quotes) == 1 else APART
            found.append(VenueQuote(venue, quoted, second - since, use))
        elif venue in left_out:
            quoted, since, why = left_out[venue]
            found.append(VenueQuote(venue, quoted, second - since, why))
        else:
            found.append(VenueQuote(venue, None, None, MISSING))
    shown = None if price is None else f"{_SHOWN.create_decimal(price).normalize():f}"
    return PricedConstituent(symbol, f"{constituent.weight.normalize():f}", shown, found)
