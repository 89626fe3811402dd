"""The pool's formulas: pure functions of Decimals. USDT with 6 decimals unless said otherwise.

E equity, R reserved, U the traders' unrealised profit, V = E − U, K all units.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from common.money import MONEY, UNIT, ZERO, ceil, divide, floor, floor6, multiply

UTILISATION = Decimal("0.8")
NET_SHARE = Decimal("0.5")
INDEX_SHARE = Decimal("0.5")
SMALLEST_PLEDGE = Decimal(10)
SMALLEST_UNIT_VALUE = Decimal("0.01")
EXIT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Sums:
    """Open positions of one index in one direction: quantity (units of the index), notional, bound, contracts."""

    quantity: Decimal = ZERO
    notional: Decimal = ZERO
    bound: Decimal = ZERO
    volume: int = 0

    def plus(self, quantity: Decimal, notional: Decimal, bound: Decimal, volume: int) -> "Sums":
        return Sums(self.quantity + quantity, self.notional + notional, self.bound + bound, self.volume + volume)


def unrealised(direction: int, last: Decimal, sums: Sums) -> Decimal:
    """Traders' profit at `last` in one direction: exact, since price (4) × quantity (2) has 6 decimals."""
    return direction * (last * sums.quantity - sums.notional)


def gate_limit(equity: Decimal, profit: Decimal, units: Decimal, leaving: Decimal) -> Decimal:
    """What may be reserved in all: 0.8 × (E − max(0, V) × units leaving / K). Units above zero."""
    staying = equity - divide(multiply(max(ZERO, equity - profit), leaving), units)
    return multiply(UTILISATION, staying)


def refuse_open(
    *,
    equity: Decimal,
    reserved: Decimal,
    profit: Decimal,
    units: Decimal,
    leaving: Decimal,
    same: Sums,
    other: Sums,
    tick: Decimal,
    quantity: Decimal,
    bound: Decimal,
    max_open_interest: Decimal,
) -> str | None:
    """Why an open may not be filled, or None: the limits of its index, then the solvency gate.

    `equity` has this fee's share in it already, `profit` (U) is from before the open, `bound` is what it adds to
    the reserved, `same` and `other` are the sums of its own and the opposite direction.
    """
    if not units:
        return "pool_exhausted"
    limit = gate_limit(equity, profit, units, leaving)
    if (same.quantity + quantity) * tick > min(max_open_interest, equity):
        return "open_interest"
    before = abs(same.quantity - other.quantity)
    after = abs(same.quantity + quantity - other.quantity)
    if after > before and after * tick > NET_SHARE * equity:
        return "net_exposure"
    if same.bound + other.bound + bound > INDEX_SHARE * limit:
        return "index_reserve"
    if reserved + bound > limit:
        return "pool_exhausted"
    return None


def can_join(amount: Decimal, units: Decimal, value: Decimal, reserved: Decimal) -> bool:
    """Whether a payment becomes a pledge: 10 USDT at least, a unit worth 0.01 at least, and, where there are no
    units, nothing reserved. `value` is V."""
    if amount < SMALLEST_PLEDGE:
        return False
    if not units:
        return not reserved
    return value >= SMALLEST_UNIT_VALUE * units


def units_for(amount: Decimal, units: Decimal, value: Decimal) -> Decimal:
    """Units (18 decimals, up) that a payment buys: amount × K / V; the first cost 1 each."""
    if not units:
        return amount
    return ceil(divide(multiply(amount, units), value), UNIT)


@dataclass(frozen=True, slots=True)
class Share:
    """A pledge before a settlement: its principal, its units (18 decimals), and whether it is paid out."""

    principal: Decimal
    units: Decimal
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement does to a pledge: loss, income and principal returned, principal and units afterwards."""

    loss: Decimal
    income: Decimal
    returned: Decimal
    principal: Decimal
    units: Decimal


def units_worth(units: Decimal, value: Decimal, all_units: Decimal) -> Decimal:
    """x = u × V / K, 18 decimals, down: units after a settlement, at 1 each, before what is paid of them."""
    return floor(divide(multiply(units, value), all_units), UNIT)


def kept(share: Share, worth: Decimal) -> tuple[Decimal, Decimal]:
    """What stays of the principal, min(p, floor6(x)), and the gain beyond it."""
    money = floor6(worth)
    return min(share.principal, money), max(money - share.principal, ZERO)


def demanded(share: Share, worth: Decimal) -> Decimal:
    """What a pledge is to be paid if the pool can: its gain, and all of it where it leaves."""
    keep, gain = kept(share, worth)
    return gain + (keep if share.leaves else ZERO)


def paid(demand: Decimal, total: Decimal, payable: Decimal) -> Decimal:
    """What a pledge is paid: all it demands, or in proportion, down, where the total (T) is above the payable (H)."""
    return demand if total <= payable else floor6(divide(multiply(demand, payable), total))


def settle(shares: Iterable[Share], equity: Decimal, reserved: Decimal, profit: Decimal) -> list[Settled]:
    """A settlement of all pledges together, in their order. Needs E ≥ R ≥ 0 and E ≥ U.

    `market_making/settlement.py` does the same in sets, in the database.
    """
    shares = list(shares)
    all_units = sum((share.units for share in shares), ZERO)
    if not all_units:
        return [Settled(share.principal, ZERO, ZERO, ZERO, ZERO) for share in shares]
    worths = [units_worth(share.units, equity - profit, all_units) for share in shares]
    demands = [demanded(share, worth) for share, worth in zip(shares, worths, strict=True)]
    total, payable = sum(demands, ZERO), equity - reserved
    settled = []
    for share, worth, demand in zip(shares, worths, demands, strict=True):
        keep, gain = kept(share, worth)
        pays = paid(demand, total, payable)
        income = min(pays, gain)
        returned = pays - income
        units = worth - pays
        if share.leaves and keep == returned and units < MONEY:
            units = ZERO
        settled.append(Settled(share.principal - keep, income, returned, keep - returned, units))
    return settled
