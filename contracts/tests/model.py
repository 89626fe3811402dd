"""The books of contracts and pool once more, as plainly as they can be said: what the platform is compared with.

Everything is a dictionary or a list that is read whole; nothing is summed up, cached, locked or batched. The formulas
are written down anew from docs/contracts.md, on exact fractions, and share no line with `rules.py`. Time is a number
of seconds. The order in which an order's checks are made is not part of the books, so a refusal here is the set of all
reasons that hold; the platform may name any one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal as D
from fractions import Fraction as F
from math import ceil, floor

NOTHING = D(0)
PLATFORM = "platform"


def down(value: F | D, decimals: int = 6) -> D:
    return D(floor(F(value) * 10**decimals)).scaleb(-decimals)


def up(value: F | D, decimals: int = 6) -> D:
    return D(ceil(F(value) * 10**decimals)).scaleb(-decimals)


class Refusal(Exception):
    """Why something is not done: one of these reasons."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = set(reasons)


@dataclass(frozen=True)
class Terms:
    lever: int = 20
    fee: D = D("0.0005")
    mmr: D = D("0.005")
    penalty: D = D("0.0025")
    most_profit: D = D(9)
    size: D = D("0.01")
    spread: D = D("0.0004")


@dataclass
class Index:
    """`price` is the last that counted, all of it fetched at `since` or later; `jump` waits to be confirmed."""

    terms: Terms
    max_order: int
    max_position: int
    max_open_interest: D
    price: D = NOTHING
    since: float = 0
    live: bool = False
    jump: tuple[D, int] | None = None

    def fill_price(self, side: int) -> D:
        exact = F(self.price) * (1 + side * F(self.terms.spread) / 2)
        return up(exact, 4) if side > 0 else down(exact, 4)

    def near(self, price: D, other: D) -> bool:
        return abs(F(price) / F(other) - 1) <= min(F(5, 100), F(1, 2 * self.terms.lever))


@dataclass
class Order:
    id: int
    client: int
    index: int
    direction: int
    volume: int
    kind: str  # market, limit or close
    born: float
    limit: D | None = None
    hold: D = NOTHING
    position: "Position | None" = None
    whole: bool = False
    status: str = "pending"
    reasons: set[str] = field(default_factory=lambda: {""})
    price: D | None = None
    fee: D = NOTHING


@dataclass
class Position:
    client: int
    index: int
    direction: int
    terms: Terms
    number: int
    volume: int = 0
    notional: D = NOTHING
    margin: D = NOTHING
    take_profit: D | None = None
    stop_loss: D | None = None
    protected: float = 0
    mark: str = ""
    mark_price: D | None = None
    mark_result: D | None = None

    @property
    def quantity(self) -> D:
        return self.volume * self.terms.size

    @property
    def bound(self) -> D:
        return bound(self.direction, self.notional, self.margin, self.terms)

    @property
    def liquidation(self) -> D:
        t, q = self.terms, F(self.quantity)
        if self.direction > 0:
            net = (1 - F(t.mmr) - F(t.fee)) * (1 - F(t.spread) / 2)
            return max(NOTHING, up(F(self.notional - self.margin) / (q * net), 4))
        return down(F(self.notional + self.margin) / (q * (1 + F(t.mmr) + F(t.fee)) * (1 + F(t.spread) / 2)), 4)

    @property
    def cap(self) -> D:
        exact = F(self.notional + self.direction * self.bound) / F(self.quantity)
        return down(exact, 4) if self.direction > 0 else max(NOTHING, up(exact, 4))

    def reached(self, price: D, since: float) -> str:
        """What a tick decides about it, the most urgent first; bounds count."""
        up_by = self.direction * price
        if up_by <= self.direction * self.liquidation:
            return "liquidation"
        if up_by >= self.direction * self.cap:
            return "cap"
        if since > self.protected:
            if self.stop_loss is not None and up_by <= self.direction * self.stop_loss:
                return "stop_loss"
            if self.take_profit is not None and up_by >= self.direction * self.take_profit:
                return "take_profit"
        return ""


def bound(direction: int, notional: D, margin: D, terms: Terms) -> D:
    most = F(terms.most_profit) * F(margin)
    return down(most if direction > 0 else min(most, F(notional)))


@dataclass
class Exit:
    """What a close moves."""

    volume: int
    notional: D
    margin: D
    price: D
    profit: D
    fee: D
    penalty: D
    released: D


def leave(p: Position, volume: int, tick: D, *, liquidated: bool = False) -> Exit:
    """Closing `volume` contracts of a position at a tick."""
    t, s = p.terms, p.direction
    exact = F(tick) * (1 - s * F(t.spread) / 2)
    price = down(exact, 4) if s > 0 else up(exact, 4)
    worth = price * volume * t.size
    margin = down(F(p.margin) * volume / p.volume)
    share = F(p.notional) * volume / p.volume
    notional = up(share) if s > 0 else down(share)
    kept = NOTHING
    if volume < p.volume:
        kept = bound(s, p.notional - notional, p.margin - margin, t)
    released = p.bound - kept
    profit = max(-margin, min(released, down(F(s * (worth - notional)))))
    left = margin + profit
    fee = min(up(F(worth) * F(t.fee)), left)
    penalty = min(up(F(worth) * F(t.penalty)), left - fee) if liquidated else NOTHING
    return Exit(volume, notional, margin, price, profit, fee, penalty, released)


@dataclass
class Pledge:
    client: int
    units: D
    leaving: bool = False


@dataclass
class Model:
    indexes: dict[int, Index]
    now: float = 0
    accounts: dict[tuple[str, int | str], D] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    pledges: list[Pledge] = field(default_factory=list)
    halts: set[tuple[str, int | None]] = field(default_factory=set)
    # What the last tick found halted, by index: orders are executed by that.
    halted_at_tick: dict[int, set[str]] = field(default_factory=dict)
    opened: int = 0

    # The ledger ----------------------------------------------------------------------------------------------------
    def balance(self, kind: str, owner: int | str = PLATFORM) -> D:
        return self.accounts.get((kind, owner), NOTHING)

    def move(self, debit: tuple[str, int | str], credit: tuple[str, int | str], amount: D) -> None:
        assert amount >= 0
        self.accounts[debit] = self.accounts.get(debit, NOTHING) - amount
        self.accounts[credit] = self.accounts.get(credit, NOTHING) + amount

    def pay_fee(self, debit: tuple[str, int | str], fee: D) -> None:
        pool, incentive = self.fee_to_pool(fee), down(F(fee) * F(3, 10))
        self.move(debit, ("pool_result", PLATFORM), pool)
        self.move(debit, ("incentive_pool", PLATFORM), incentive)
        self.move(debit, ("fee_revenue", PLATFORM), fee - pool - incentive)

    @staticmethod
    def fee_to_pool(fee: D) -> D:
        return down(F(fee) * F(3, 10))

    def deposit(self, client: int, amount: D) -> None:
        self.move(("custody", PLATFORM), ("available", client), amount)

    # The pool ------------------------------------------------------------------------------------------------------
    @property
    def equity(self) -> D:
        pledged = sum((amount for (kind, _), amount in self.accounts.items() if kind == "pledge"), NOTHING)
        return pledged + self.balance("pool_result")

    @property
    def units(self) -> D:
        return sum((pledge.units for pledge in self.pledges), NOTHING)

    @property
    def leaving(self) -> D:
        return sum((pledge.units for pledge in self.pledges if pledge.leaving), NOTHING)

    @property
    def reserved(self) -> D:
        return sum((p.bound for p in self.positions), NOTHING)

    @property
    def profit(self) -> D:
        """U: a marked position counts with its fixed result, any other unclipped at the last price."""
        return sum(
            (
                p.direction * (self.indexes[p.index].price * p.quantity - p.notional)
                if p.mark_result is None
                else p.mark_result
                for p in self.positions
            ),
            NOTHING,
        )

    def join(self, client: int, amount: D) -> None:
        """Raises Refusal `later` where it has to wait, else with why the payment goes to the index account."""
        if any(p.mark or not self.indexes[p.index].live or "all" in self.halted(p.index) for p in self.positions):
            raise Refusal("later")
        worth = self.equity - self.profit
        reasons = []
        if amount < 10:
            reasons.append("pledge_too_small")
        if self.units and worth < self.units / 100:
            reasons.append("pool_worthless")
        if not self.units and self.reserved:
            reasons.append("pool_reserved")
        if reasons:
            raise Refusal(*reasons)
        units = up(F(amount) * F(self.units) / F(worth), 18) if self.units else amount
        self.pledges.append(Pledge(client, units))
        self.move(("custody", PLATFORM), ("pledge", client), amount)

    def ask_to_leave(self, client: int) -> None:
        """For good: what a client pledges afterwards stays. It is paid out by a settlement, which is not here."""
        own = [pledge for pledge in self.pledges if pledge.client == client]
        self.refuse({"no_pledge": not own})
        for pledge in own:
            pledge.leaving = True

    # What clients ask for ------------------------------------------------------------------------------------------
    def halted(self, index: int) -> set[str]:
        return {kind for kind, only in self.halts if only in (None, index)}

    def position(self, client: int, index: int, direction: int) -> Position | None:
        return next((p for p in self.positions if (p.client, p.index, p.direction) == (client, index, direction)), None)

    def pending(self, kind: str = "", client: int | None = None) -> list[Order]:
        return [o for o in self.orders if o.status == "pending" and kind in ("", o.kind) and client in (None, o.client)]

    def place(self, id: int, client: int, index: int, direction: int, volume: int, limit: D | None) -> Order:
        i, old = self.indexes[index], self.position(client, index, direction)
        if limit is None:
            price = up(F(i.price) * F(101, 100), 4)
        elif direction > 0:
            price = limit
        else:
            price = max(limit, i.price)
        notional = price * volume * i.terms.size
        fee = up(F(notional) * F(i.terms.fee))
        hold = up(F(notional) / i.terms.lever) + fee
        reasons = {
            "halted": bool(self.halted(index)),
            "stale": not i.live,
            "closing": old is not None and bool(old.mark),
            "terms_changed": old is not None and old.terms != i.terms,
            "volume_limit": volume > i.max_order or volume + (old.volume if old else 0) > i.max_position,
            "index_price_too_low": i.price < 1,
            "order_too_small": notional < 1,
            "too_many_orders": limit is not None and len(self.pending("limit", client)) >= 50,
            "insufficient_balance": hold > self.balance("available", client),
        }
        self.refuse(reasons)
        self.move(("available", client), ("order_hold", client), hold)
        kind = "market" if limit is None else "limit"
        order = Order(id, client, index, direction, volume, kind, self.now, limit, hold, fee=fee)
        self.orders.append(order)
        return order

    @staticmethod
    def refuse(reasons: dict[str, bool]) -> None:
        if any(reasons.values()):
            raise Refusal(*(reason for reason, holds in reasons.items() if holds))

    def close(self, id: int, p: Position, volume: int | None) -> Order:
        reasons = {
            "halted": "all" in self.halted(p.index),
            "closing": bool(p.mark),
            "stale": not self.indexes[p.index].live,
            "close_waiting": any(o.position is p for o in self.pending("close")),
            "close_volume": volume is not None and volume > p.volume,
        }
        self.refuse(reasons)
        order = Order(
            *(id, p.client, p.index, p.direction, volume or p.volume, "close", self.now),
            position=p,
            whole=volume is None,
        )
        self.orders.append(order)
        return order

    def cancel(self, order: Order) -> None:
        reasons = {
            "halted": "all" in self.halted(order.index),
            "order_not_pending": order.status != "pending",
            "order_not_cancellable": order.kind != "limit",
        }
        self.refuse(reasons)
        self.end(order, "cancelled", {""})

    def protect(self, p: Position, take_profit: D | None, stop_loss: D | None) -> None:
        s, last = p.direction, self.indexes[p.index].price
        reached = (stop_loss is not None and s * last <= s * stop_loss) or (
            take_profit is not None and s * last >= s * take_profit
        )
        reasons = {
            "halted": "all" in self.halted(p.index),
            "closing": bool(p.mark),
            "protection_reached": reached,
        }
        self.refuse(reasons)
        p.take_profit, p.stop_loss, p.protected = take_profit, stop_loss, self.now

    def end(self, order: Order, status: str, reasons: set[str]) -> None:
        self.move(("order_hold", order.client), ("available", order.client), order.hold)
        order.status, order.reasons, order.hold = status, reasons, NOTHING
        order.fee = NOTHING

    def turn_down(self, order: Order, reasons: Iterable[str]) -> None:
        """A limit order is cancelled, any other refused."""
        self.end(order, "cancelled" if order.kind == "limit" else "refused", set(reasons))

    def expire(self) -> None:
        for order in self.pending():
            if order.kind != "limit" and self.now - order.born > 10:
                self.turn_down(order, ["no_price"])

    # What the engine does ------------------------------------------------------------------------------------------
    def tick(self, quotes: dict[int, tuple[D, float] | None]) -> None:
        """A second: {index: (price, when it was fetched)}; None or too old a price makes an index stale."""
        self.halted_at_tick = {number: self.halted(number) for number in self.indexes}
        for number, index in self.indexes.items():
            quote, index.live = quotes.get(number), False
            if quote is None or quote[1] < self.now - 3:
                continue
            price, since = quote
            if index.price and not index.near(price, index.price):
                if index.jump is None or not index.near(price, index.jump[0]):
                    index.jump = price, 0
                    continue
                if index.jump[1] < 2:
                    index.jump = index.jump[0], index.jump[1] + 1
                    continue
            index.price, index.since, index.live, index.jump = price, since, True, None
            if "all" in self.halted(number):
                continue
            for p in self.positions:
                if p.index == number and not p.mark and (mark := p.reached(price, since)):
                    p.mark, p.mark_price = mark, price
                    p.mark_result = leave(p, p.volume, price).profit

    def execute(self, most: int | None = None, size: int = 1) -> None:
        """Carries out what the tick decided: marks, closes, limit orders, market orders; `most` batches of `size`."""
        left = most
        for stage, carry_out in (
            (self.marked, self.execute_mark),
            (self.closing, self.execute_close),
            (self.opening, self.execute_open),
        ):
            found = stage()
            for start in range(0, len(found), size):
                if left == 0:
                    return
                left = None if left is None else left - 1
                for item in found[start : start + size]:
                    carry_out(item)

    def marked(self) -> list[Position]:
        return sorted((p for p in self.positions if p.mark), key=lambda p: p.number)

    def closing(self) -> list[Order]:
        return self.due("close")

    def opening(self) -> list[Order]:
        return [o for o in self.due("limit") if self.good_enough(o)] + self.due("market")

    def due(self, kind: str) -> list[Order]:
        """Orders that are older than the tick's prices, in an index that has some."""
        live = {number: index for number, index in self.indexes.items() if index.live}
        return [o for o in self.pending(kind) if o.index in live and o.born < live[o.index].since]

    def good_enough(self, order: Order) -> bool:
        assert order.limit is not None
        return order.direction * (self.indexes[order.index].fill_price(order.direction) - order.limit) <= 0

    def execute_mark(self, p: Position) -> None:
        for order in self.pending("close"):
            if order.position is p:
                self.turn_down(order, ["position_closed"])
        assert p.mark_price is not None
        self.settle(p, leave(p, p.volume, p.mark_price, liquidated=p.mark == "liquidation"))

    def execute_close(self, order: Order) -> None:
        p, price = order.position, self.indexes[order.index].price
        assert p is not None
        if self.now - order.born > 10:
            self.turn_down(order, ["no_price"])
            return
        if "all" in self.halted_at_tick[order.index]:
            self.turn_down(order, ["halted"])
            return
        volume = p.volume if order.whole else min(order.volume, p.volume)
        done = leave(p, volume, price)
        order.volume = volume
        self.filled(order, done.price, done.fee)
        self.settle(p, done)

    def settle(self, p: Position, done: Exit) -> None:
        margin = ("margin", p.client)
        if done.profit > 0:
            self.move(("pool_result", PLATFORM), margin, done.profit)
        else:
            self.move(margin, ("pool_result", PLATFORM), -done.profit)
        self.pay_fee(margin, done.fee)
        self.move(margin, ("pool_result", PLATFORM), done.penalty)
        self.move(margin, ("available", p.client), done.margin + done.profit - done.fee - done.penalty)
        p.volume, p.notional, p.margin = p.volume - done.volume, p.notional - done.notional, p.margin - done.margin
        if not p.volume:
            self.positions.remove(p)

    def filled(self, order: Order, price: D, fee: D) -> None:
        self.end(order, "filled", {""})
        order.price, order.fee = price, fee

    def execute_open(self, order: Order) -> None:
        halts, i = self.halted_at_tick[order.index], self.indexes[order.index]
        if order.kind == "market" and self.now - order.born > 10:
            self.turn_down(order, ["no_price"])
            return
        if halts:
            if order.kind == "market":
                self.turn_down(order, ["halted"])
            return
        t, s = i.terms, order.direction
        price = i.fill_price(s)
        notional = price * order.volume * t.size
        margin, fee = up(F(notional) / t.lever), up(F(notional) * F(t.fee))
        old = self.position(order.client, order.index, s)
        after = Position(order.client, order.index, s, t, 0, order.volume, notional, margin)
        if old is not None:
            after.volume, after.notional = after.volume + old.volume, after.notional + old.notional
            after.margin += old.margin
        reasons = {
            "terms_changed": old is not None and old.terms != t,
            "index_price_too_low": i.price < 1,
            "order_too_small": notional < 1,
            "volume_limit": after.volume > i.max_position,
            "insufficient_balance": margin + fee > order.hold + self.balance("available", order.client),
        }
        if not reasons["terms_changed"]:
            added = after.bound - (old.bound if old is not None else NOTHING)
            reasons |= self.limits(order, order.volume * t.size, added, fee)
        if any(reasons.values()):
            self.turn_down(order, [reason for reason, holds in reasons.items() if holds])
            return
        self.filled(order, price, fee)
        self.move(("available", order.client), ("margin", order.client), margin)
        self.pay_fee(("available", order.client), fee)
        if old is None:
            self.opened += 1
            after.number = self.opened
            self.positions.append(after)
        else:
            old.volume, old.notional, old.margin = after.volume, after.notional, after.margin

    def limits(self, order: Order, quantity: D, added: D, fee: D) -> dict[str, bool]:
        """What the pool refuses, with its share of the fee in its equity already."""
        i, s = self.indexes[order.index], order.direction
        equity = self.equity + self.fee_to_pool(fee)
        leaving = F(self.leaving) / F(self.units) if self.units else 0
        gate = (F(equity) - max(0, F(equity - self.profit)) * leaving) * F(8, 10)
        here = [p for p in self.positions if p.index == order.index]
        same = sum((p.quantity for p in here if p.direction == s and not p.mark), NOTHING)
        other = sum((p.quantity for p in here if p.direction != s and not p.mark), NOTHING)
        before, after = abs(same - other), abs(same + quantity - other)
        return {
            "open_interest": (same + quantity) * i.price > min(i.max_open_interest, equity),
            "net_exposure": after > before and 2 * after * i.price > equity,
            "index_reserve": sum((p.bound for p in here), NOTHING) + added > gate / 2,
            "pool_exhausted": not self.units or self.reserved + added > gate,
        }
