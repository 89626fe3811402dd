"""Decimals: rounding and written forms. Money is USDT with 6 decimals, prices have up to 4."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

ZERO = Decimal(0)
MONEY = Decimal("0.000001")
PRICE = Decimal("0.0001")
UNIT = Decimal("1e-18")

# Wide enough that no intermediate product or quotient of NUMERIC(30,6) and NUMERIC(38,18) is cut off unseen.
CONTEXT = Context(prec=80)

_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]+)?", re.ASCII)


def floor(value: Decimal, quantum: Decimal) -> Decimal:
    """`value` rounded towards minus infinity to a multiple of `quantum`."""
    return value.quantize(quantum, ROUND_FLOOR, CONTEXT)


def ceil(value: Decimal, quantum: Decimal) -> Decimal:
    """`value` rounded towards plus infinity to a multiple of `quantum`."""
    return value.quantize(quantum, ROUND_CEILING, CONTEXT)


def floor6(value: Decimal) -> Decimal:
    """USDT, down: what a client receives."""
    return floor(value, MONEY)


def ceil6(value: Decimal) -> Decimal:
    """USDT, up: what a client pays."""
    return ceil(value, MONEY)


def half_even(value: Decimal, decimals: int) -> Decimal:
    """`value` rounded half to even to a number of decimals."""
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, CONTEXT)


def divide(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A quotient with 80 significant digits, for a caller that rounds it."""
    return CONTEXT.divide(numerator, denominator)


def multiply(*factors: Decimal) -> Decimal:
    """A product with 80 significant digits."""
    product = Decimal(1)
    for factor in factors:
        product = CONTEXT.multiply(product, factor)
    return product


def format_money(value: Decimal) -> str:
    """USDT in full: `1010.000000`."""
    return f"{value:.6f}"


def trim(value: Decimal) -> str:
    """A decimal without trailing zeros or exponent: `2803.371`, `0`."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def format_price(value: Decimal) -> str:
    """A price, up to 4 decimals, half up: `2803.371`."""
    return trim(value.quantize(PRICE, ROUND_HALF_UP, CONTEXT))


def round_ratio(value: Decimal) -> Decimal:
    """A ratio to 4 decimals, half away from zero."""
    return value.quantize(PRICE, ROUND_HALF_UP, CONTEXT)


def format_ratio(value: Decimal) -> str:
    """A ratio, 4 decimals, half away from zero, without trailing zeros: `-0.1127`."""
    return trim(round_ratio(value))


def parse_plain(text: str, decimals: int) -> Decimal | None:
    """A plain ASCII decimal: no sign, exponent or other digits, at most `decimals` decimals; else None."""
    if not _PLAIN.fullmatch(text):
        return None
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and -exponent <= decimals else None
