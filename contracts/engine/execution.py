"""What a tick decided, carried out: marked positions close, waiting closes, then opens.

Each function is one transaction over a batch of ids, fenced by the leader's epoch; an id that is no longer pending
(or marked) is passed over, so nothing executes twice.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from common import sql
from common.errors import Refused
from common.money import ZERO
from contracts import rules
from contracts.engine.batch import Batch, OpenPosition, WaitingOrder
from contracts.fees import fee_shares
from contracts.rules import Stake, Terms
from indexes.leadership import fence
from ledger import accounts
from ledger.accounts import PlatformAccount
from ledger.services import Kind
from market_making.queries import exit_shortfall
from market_making.services import stale_exposure


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """An index as the current tick found it: what opens are judged by."""

    id: int
    price: Decimal
    since: datetime
    terms: Terms
    max_position_volume: int
    max_open_interest: Decimal
    # A disabled index opens nothing more; what is open in it closes as ever.
    enabled: bool
    # What operators have halted for it: `open`, `all`, both or nothing.
    halts: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A tick of all indexes that have one now, and the leader that made it."""

    shard: str
    epoch: int
    at: datetime
    indexes: Mapping[int, LiveIndex]


Execution = Callable[[Moment, list[int]], set[int]]


@transaction.atomic
def execute_marks(moment: Moment, position_ids: list[int]) -> set[int]:
    """Closes marked positions at their mark's price; the clients concerned."""
    fence(moment.shard, moment.epoch)
    batch = Batch.locked(
        shard=moment.shard,
        client_ids=_clients_of_positions(position_ids),
        order_ids=_waiting_closes(position_ids),
        position_ids=position_ids,
        at=moment.at,
    )
    for position in sorted(batch.positions.values(), key=lambda p: p.id):
        if not position.mark:
            continue
        assert position.mark_price is not None
        assert position.mark_result is not None
        batch.book.marked_result -= position.mark_result
        batch.book.marked -= 1
        _close(
            batch,
            position,
            position.stake.volume,
            position.mark_price,
            position.mark,
            f"mark:{position.id}",
            marked=True,
        )
        for order in batch.orders:
            if order.position_id == position.id:
                batch.refuse(order, "position_closed")
    return batch.save()


@transaction.atomic
def execute_closes(moment: Moment, order_ids: list[int]) -> set[int]:
    """Carries out waiting closes at the tick; the clients concerned."""
    fence(moment.shard, moment.epoch)
    batch = Batch.locked(
        shard=moment.shard, client_ids=_clients_of_orders(order_ids), order_ids=order_ids, at=moment.at
    )
    by_id = {position.id: position for position in batch.positions.values()}
    for order in batch.orders:
        index, position = moment.indexes.get(order.index_id), by_id.get(order.position_id or 0)
        if not order.timely:
            batch.refuse(order, "no_price")
        elif position is None or not position.stake.volume:
            batch.refuse(order, "position_closed")
        elif index is not None and "all" in index.halts:
            batch.refuse(order, "halted")
        elif index is not None and not position.mark:
            volume = position.stake.volume if order.whole else min(order.volume, position.stake.volume)
            _close(batch, position, volume, index.price, "close", f"order:{order.id}", order_id=order.id)
    return batch.save()


@transaction.atomic
def execute_opens(moment: Moment, order_ids: list[int]) -> set[int]:
    """Fills limit orders that the tick reached, then market orders, oldest first; the clients concerned."""
    fence(moment.shard, moment.epoch)
    batch = Batch.locked(
        shard=moment.shard, client_ids=_clients_of_orders(order_ids), order_ids=order_ids, at=moment.at
    )
    for order in batch.orders:
        index = moment.indexes.get(order.index_id)
        if not order.timely:
            batch.refuse(order, "no_price")
        elif index is not None and index.halts:
            # A limit order waits for the end of the halt.
            if order.price is None:
                batch.refuse(order, "halted")
        elif index is not None and index.enabled:
            try:
                _open(batch, order, index)
            except Refused as refusal:
                batch.refuse(order, refusal.reason)
    return batch.save()


@transaction.atomic
def execute_exits(moment: Moment, position_ids: list[int]) -> set[int]:
    """Closes positions at the tick, the one opened first first, without spread or fee, until the pool could pay every
    pledge that leaves (`pool_exit`); the clients concerned."""
    fence(moment.shard, moment.epoch)
    batch = Batch.locked(
        shard=moment.shard,
        client_ids=_clients_of_positions(position_ids),
        order_ids=_waiting_closes(position_ids),
        position_ids=position_ids,
        at=moment.at,
    )
    book = batch.book
    # At prices that cannot be trusted nobody knows what a leaver is owed.
    if book.marked or stale_exposure():
        return set()
    # Closing at the tick leaves the units' worth as it is: what they demand stays, what is free to pay grows.
    lacking = exit_shortfall(book.value, book.units, book.equity - book.reserved)
    for position in sorted(batch.positions.values(), key=lambda p: p.id):
        if lacking <= 0:
            break
        free = book.equity - book.reserved
        tick = moment.indexes[position.index_id].price
        _close(batch, position, position.stake.volume, tick, "pool_exit", f"exit:{position.id}")
        lacking -= book.equity - book.reserved - free
        for order in batch.orders:
            if order.position_id == position.id:
                batch.refuse(order, "position_closed")
    return batch.save()


def _open(batch: Batch, order: WaitingOrder, index: LiveIndex) -> None:
    """Fills one order, or raises Refused before anything of it is noted."""
    d, terms = order.direction, index.terms
    price = rules.fill_price(index.price, d, terms.spread)
    if order.price is not None and not rules.limit_reached(d, price, order.price):
        return
    q = rules.quantity(order.volume, terms)
    added = rules.opening(order.volume, price, terms)
    fee = rules.fee(added.notional, terms)
    old = batch.positions.get((order.client_id, index.id, d))
    if old is not None and old.mark:
        raise Refused(reason="closing")
    if old is not None and old.terms != terms:
        raise Refused(reason="terms_changed")
    if index.price < rules.SMALLEST_PRICE:
        raise Refused(reason="index_price_too_low")
    if added.notional < rules.SMALLEST_NOTIONAL:
        raise Refused(reason="order_too_small")
    before = old.stake if old is not None else Stake(0, ZERO, ZERO)
    after = rules.together(before, added)
    if after.volume > index.max_position_volume:
        raise Refused(reason="volume_limit")
    if added.margin + fee > order.hold + batch.available[order.client_id]:
        raise Refused(reason="insufficient_balance")
    bound = rules.added_bound(d, before, added, terms)
    batch.book.admit(
        index_id=index.id,
        direction=d,
        tick=index.price,
        quantity=q,
        bound=bound,
        fee_share=fee_shares(fee).pool,
        max_open_interest=index.max_open_interest,
    )
    reference = f"order:{order.id}"
    own = accounts.available(order.client_id)
    batch.release(order)
    batch.move(own, accounts.margin(order.client_id), added.margin, Kind.MARGIN, reference)
    batch.pay_fee(own, fee, reference)
    batch.available[order.client_id] -= added.margin + fee
    batch.book.shift(
        index_id=index.id,
        direction=d,
        tick=index.price,
        quantity=q,
        notional=added.notional,
        bound=bound,
        volume=order.volume,
    )
    position = old or OpenPosition(batch.next_position_id(), order.client_id, index.id, d, after, terms)
    position.stake = after
    batch.change(position)
    batch.fill(position, "open", order.id, order.volume, index.price, price, added.notional, fee)


def _close(
    batch: Batch,
    position: OpenPosition,
    volume: int,
    tick: Decimal,
    kind: str,
    reference: str,
    *,
    order_id: int | None = None,
    marked: bool = False,
) -> None:
    """Closes `volume` contracts of a position. A marked one has left the pool's quantity and notional before."""
    result = rules.closing(position.direction, position.stake, position.terms, volume, tick, kind=kind)
    held = accounts.margin(position.client_id)
    if result.profit > 0:
        batch.move(PlatformAccount.POOL_RESULT, held, result.profit, Kind.PROFIT, reference)
    else:
        batch.move(held, PlatformAccount.POOL_RESULT, -result.profit, Kind.LOSS, reference)
    batch.pay_fee(held, result.fee, reference)
    batch.move(held, PlatformAccount.POOL_RESULT, result.liquidation_fee, Kind.LIQUIDATION_FEE, reference)
    batch.move(held, accounts.available(position.client_id), result.returned, Kind.MARGIN_RETURN, reference)
    batch.available[position.client_id] += result.returned
    batch.book.equity += result.liquidation_fee - result.profit
    batch.book.shift(
        index_id=position.index_id,
        direction=position.direction,
        tick=tick,
        quantity=ZERO if marked else -rules.quantity(volume, position.terms),
        notional=ZERO if marked else -result.part.notional,
        bound=-result.bound,
        volume=-volume,
    )
    position.stake = rules.remainder(position.stake, result.part)
    batch.change(position)
    batch.fill(
        position,
        kind,
        order_id,
        volume,
        tick,
        result.price,
        result.notional,
        result.fee,
        result.profit,
        result.liquidation_fee,
    )


def _clients_of_orders(order_ids: list[int]) -> list[int]:
    return [row[0] for row in sql.rows("SELECT client_id FROM contracts_order WHERE id = ANY (%s)", [order_ids])]


def _clients_of_positions(position_ids: list[int]) -> list[int]:
    found = sql.rows("SELECT client_id FROM contracts_position WHERE id = ANY (%s)", [position_ids])
    return [row[0] for row in found]


def _waiting_closes(position_ids: list[int]) -> list[int]:
    found = sql.rows(
        "SELECT id FROM contracts_order WHERE position_id = ANY (%s) AND kind = 'close' AND status = 'pending'",
        [position_ids],
    )
    return [row[0] for row in found]
