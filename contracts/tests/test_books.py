"""The platform and a plain model of its books in step, over operations that nobody chose.

Hypothesis drives services and engine on PostgreSQL; after every step the whole books are compared with `model.py`. Each
example is one transaction that is rolled back; what the database checks at a commit is checked after every step.
`make test` takes the same few hundred steps each time, `make test-deep` tens of thousands of new ones.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common import sql
from common.errors import Invalid, Refused
from contracts import services
from contracts.engine import work
from contracts.engine.batch import Batch
from contracts.engine.deciding import decide
from contracts.engine.execution import Moment
from contracts.models import Fill
from contracts.rules import BUY, SELL
from contracts.tests import model
from contracts.tests.desk import SHARD, Desk
from contracts.tests.model import Model, Refusal
from indexes.leadership import Fenced
from indexes.venues import Quote
from ledger.accounts import PLATFORM_BASE, ClientAccount, PlatformAccount
from market_making.book import PoolBook
from market_making.services import cancel_pledges, count_leaving
from operations import halts
from payments.handlers import Later

DEEP = int(os.environ.get("SOKE_DEEP") or 0)
usual = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    stateful_step_count=40,
    max_examples=12,
    derandomize=True,
    # Making a failure small takes minutes; the deep run does it.
    phases=[Phase.generate],
)
settings.register_profile("books", usual)
settings.register_profile(
    "books-deep",
    usual,
    max_examples=max(DEEP, 1),
    stateful_step_count=60,
    derandomize=False,
    phases=[Phase.generate, Phase.shrink],
    print_blob=True,
)

# Three contracts that share little; the last is small, so that its limits are met.
CONTRACTS = {
    "a": (model.Terms(), 10_000, 12_000, D(10) ** 9, D(1000)),
    "b": (
        model.Terms(1, D("0.001"), D("0.005"), D("0.004"), D(9), D(1), D(0)),
        *(100, 150, D(10) ** 9, D("2041.2132")),
    ),
    "c": (
        model.Terms(10, D("0.0011"), D("0.0100"), D("0.0025"), D(2), D("0.07"), D("0.002")),
        *(5000, 6000, D(9000), D("31.0007")),
    ),
}
OTHER_LEVERS = {"a": 15, "b": 2, "c": 7}
CLIENTS = 3
# Where the platform's clock of an example begins: no price of its ticks grows old by the real one.
AHEAD = timedelta(minutes=3)

clients = st.integers(0, CLIENTS - 1)
codes = st.sampled_from(sorted(CONTRACTS))
directions = st.sampled_from([BUY, SELL])
volumes = st.sampled_from([1, 3, 10, 100, 333, 1000, 4000])
amounts = st.sampled_from(["0.000001", "9.999999", "10", "123.456789", "5000", "50000"]).map(D)
some = st.integers(0, 10**6)
# In parts of a million of the last price.
small_moves = st.integers(-24_000, 24_000) | st.sampled_from([0, 0, 20_000, -20_000, 24_999, -24_999])
moves = st.fixed_dictionaries(dict.fromkeys(CONTRACTS, small_moves))
ages = st.fixed_dictionaries({code: st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4]) for code in CONTRACTS})
pauses = st.sampled_from([1, 1, 1, 1, 2, 5, 11])
# On the right side of the last price, mostly.
protections = st.sampled_from([1, 5000, 10_000, 20_000, 24_000, 40_000, 0, -3000])
prices_off = st.integers(-60_000, 60_000)

steps: Counter[str] = Counter()


class Died(BaseException):
    """The engine's process ends here."""


class Books(RuleBasedStateMachine):
    """Each rule does the same to the platform and to the model."""

    def __init__(self) -> None:
        super().__init__()
        self._example = transaction.atomic()
        self._example.__enter__()
        self.epoch = 1
        self.fills = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._example.__exit__(None, None, None)

    @initialize(
        pool=st.sampled_from(["100000", "1000000", "100000", "2000", "0"]),
        funds=st.lists(st.sampled_from(["20000", "150000", "3000", "60"]), min_size=CLIENTS, max_size=CLIENTS),
    )
    def begin(self, pool: str, funds: list[str]) -> None:
        self.desk = Desk("1000", pool="0", code="a")
        self.ids = {"a": self.desk.index.id}
        self.began: datetime = self.desk._at + AHEAD
        for code, (terms, order, position, interest, _price) in CONTRACTS.items():
            values = {
                "lever": terms.lever,
                "fee_rate": terms.fee,
                "mmr": terms.mmr,
                "liquidation_fee_rate": terms.penalty,
                "max_profit_rate": terms.most_profit,
                "contract_size": terms.size,
                "spread": terms.spread,
                "max_order_volume": order,
                "max_position_volume": position,
                "max_open_interest": interest,
            }
            if code == "a":
                type(self.desk.index).objects.filter(code="a").update(**values)
            else:
                self.ids[code] = self.desk.new_index(code, **values).id
        self.codes = {id: code for code, id in self.ids.items()}
        self.model = Model(
            {
                self.ids[code]: model.Index(terms, order, position, interest, D(1000) if code == "a" else D(0))
                for code, (terms, order, position, interest, _price) in CONTRACTS.items()
            }
        )
        self.clients = [self.desk.client("0") for _ in range(CLIENTS + 1)]
        for number, amount in enumerate(funds):
            self.deposit(number, D(amount))
        self.run_tick({code: (contract[4], 0) for code, contract in CONTRACTS.items()}, 1)
        self.join(CLIENTS, D(pool))

    # Clients -------------------------------------------------------------------------------------------------------
    def both(self, platform: Callable[[], Any], books: Callable[..., Any]) -> Any:
        """Does something twice: either both do it, or both refuse it for the same reason."""
        try:
            answer = platform()
        except (Refused, Invalid, Later) as error:
            reason = "later" if isinstance(error, Later) else error.reason
            with pytest.raises(Refusal) as refused:
                books(0)
            assert reason in refused.value.reasons
            steps[f"refused {reason}"] += 1
            return None
        return books(answer)

    @rule(client=clients, amount=amounts)
    def deposit(self, client: int, amount: D) -> None:
        self.desk.credit(self.clients[client], str(amount))
        self.model.deposit(self.clients[client], amount)

    @rule(client=st.integers(0, CLIENTS), amount=amounts)
    def join(self, client: int, amount: D) -> None:
        who = self.clients[client]
        if amount:
            self.both(
                lambda: self.in_savepoint(lambda: self.desk.pledge(who, str(amount))),
                lambda _: self.model.join(who, amount),
            )

    @rule(client=st.integers(0, CLIENTS), counted=st.booleans())
    def ask_to_leave(self, client: int, counted: bool) -> None:
        """And the job that moves what leaves into the pool's row: the gate sees the same before and after."""
        who = self.clients[client]
        self.both(lambda: cancel_pledges(client_id=who) or who, lambda _: self.model.ask_to_leave(who))
        if counted:
            count_leaving()

    @staticmethod
    @transaction.atomic
    def in_savepoint(call: Callable[[], Any]) -> Any:
        return call()

    def order(self, client: int, code: str, direction: int, volume: int, limit: D | None) -> None:
        who, index = self.clients[client], self.ids[code]
        placed = self.both(
            lambda: (
                services.place_order(client_id=who, index_id=index, direction=direction, volume=volume, limit=limit).id
            ),
            lambda id: self.model.place(id, who, index, direction, volume, limit),
        )
        if placed is not None:
            self.arrive(placed.id)

    def arrive(self, order: int) -> None:
        sql.execute("UPDATE contracts_order SET created_at = %s WHERE id = %s", [self.at(), order])

    @rule(client=clients, code=codes, direction=directions, volume=volumes)
    def market_order(self, client: int, code: str, direction: int, volume: int) -> None:
        self.order(client, code, direction, volume, None)

    @rule(client=clients, code=codes, direction=directions, volume=volumes, off=prices_off)
    def limit_order(self, client: int, code: str, direction: int, volume: int, off: int) -> None:
        self.order(client, code, direction, volume, self.price(code, off))

    @rule(client=clients, code=codes, direction=directions, volume=volumes)
    def trade(self, client: int, code: str, direction: int, volume: int) -> None:
        self.order(client, code, direction, volume, None)
        self.run_tick({each: (self.price(each, 0), 0) for each in CONTRACTS}, 1)
        self.execute()

    @rule(client=clients, code=codes, volume=volumes)
    def trade_both_directions(self, client: int, code: str, volume: int) -> None:
        self.trade(client, code, BUY, volume)
        self.trade(client, code, SELL, volume)

    @rule(client=clients, code=codes, direction=directions, volume=volumes, move=small_moves, part=st.integers(1, 7))
    def average_and_part(self, client: int, code: str, direction: int, volume: int, move: int, part: int) -> None:
        """A position opened at two prices, and a part of it that no cent divides."""
        self.trade(client, code, direction, volume)
        self.order(client, code, direction, 1, None)
        self.run_tick({each: (self.price(each, move if each == code else 0), 0) for each in CONTRACTS}, 1)
        self.execute()
        p = self.model.position(self.clients[client], self.ids[code], direction)
        if p is not None:
            self.close_part(p, max(1, p.volume * part // 8))
            self.run_tick({each: (self.price(each, 0), 0) for each in CONTRACTS}, 1)
            self.execute()

    @precondition(lambda self: self.model.orders)
    @rule(number=some)
    def cancel(self, number: int) -> None:
        found = self.model.pending("limit") or self.model.orders
        order = found[number % len(found)]
        self.both(
            lambda: services.cancel_order(client_id=order.client, order_id=order.id),
            lambda _: self.model.cancel(order),
        )

    @precondition(lambda self: self.model.positions)
    @rule(number=some, share=st.sampled_from([None, None, 0.01, 0.34, 0.5, 1, 1.1]))
    def close(self, number: int, share: float | None) -> None:
        p = self.model.positions[number % len(self.model.positions)]
        self.close_part(p, None if share is None else max(1, int(p.volume * share)))

    def close_part(self, p: model.Position, volume: int | None) -> None:
        placed = self.both(
            lambda: services.close_position(client_id=p.client, position_id=self.row_of(p), volume=volume)[0],
            lambda id: self.model.close(id, p, volume),
        )
        if placed is not None:
            self.arrive(placed.id)

    @precondition(lambda self: self.model.positions)
    @rule(
        number=some,
        take=st.none() | protections,
        stop=st.none() | protections,
        age=st.sampled_from([None, 0, 1, 1]),
    )
    def protect(self, number: int, take: int | None, stop: int | None, age: int | None) -> None:
        """And the price goes there at once, fetched before or after; or not."""
        p = self.model.positions[number % len(self.model.positions)]
        code = self.codes[p.index]
        take_profit = None if take is None else self.price(code, p.direction * take)
        stop_loss = None if stop is None else self.price(code, -p.direction * stop)
        self.set_protection(p, take_profit, stop_loss)
        reached = stop_loss or take_profit
        if age is not None and reached:
            self.go_to(p.index, reached, age)

    @precondition(lambda self: self.model.positions)
    @rule(number=some, take=st.sampled_from([1, 10_000, 20_000]), stops=st.booleans())
    def protect_from_known_price(self, number: int, take: int, stops: bool) -> None:
        """The price that reaches it was fetched in the moment in which it was set; then one that was not."""
        p = self.model.positions[number % len(self.model.positions)]
        trigger = self.price(self.codes[p.index], -p.direction * take if stops else p.direction * take)
        self.set_protection(p, None if stops else trigger, trigger if stops else None)
        self.go_to(p.index, trigger, 1)
        self.go_to(p.index, trigger, 0)

    def set_protection(self, p: model.Position, take_profit: D | None, stop_loss: D | None) -> None:
        row = self.row_of(p)
        done = self.both(
            lambda: services.protect_position(
                client_id=p.client, position_id=row, take_profit=take_profit, stop_loss=stop_loss
            ),
            lambda _: self.model.protect(p, take_profit, stop_loss) or row,
        )
        if done:
            sql.execute("UPDATE contracts_position SET protected_at = %s WHERE id = %s", [self.at(), row])

    def row_of(self, p: model.Position) -> int:
        [(found,)] = sql.rows(
            """
            SELECT id FROM contracts_position
            WHERE client_id = %s AND index_id = %s AND direction = %s AND closed_at IS NULL
            """,
            [p.client, p.index, p.direction],
        )
        return int(found)

    # Prices and the engine -----------------------------------------------------------------------------------------
    def at(self) -> datetime:
        return self.began + timedelta(seconds=self.model.now)

    def price(self, code: str, millionths: int) -> D:
        last = self.model.indexes[self.ids[code]].price
        return max(D("0.0001"), model.down(last * (1_000_000 + millionths) / 1_000_000, 4))

    def run_tick(self, quotes: dict[str, tuple[D, int] | None], seconds: int) -> None:
        """The next second: {code: (price, age)}."""
        self.model.now += seconds
        seen = {code.upper(): Quote(q[0], self.at() - timedelta(seconds=q[1])) for code, q in quotes.items() if q}
        self.moment: Moment = decide(SHARD, self.epoch, {"test": seen}, self.at())[1]
        self.model.tick({self.ids[code]: (q[0], self.model.now - q[1]) if q else None for code, q in quotes.items()})
        live = {number for number, index in self.model.indexes.items() if index.live}
        assert set(self.moment.indexes) == live
        steps["ticks"] += 1

    def execute(self) -> None:
        work.execute_all(self.moment, lambda: True)
        self.model.execute()

    @rule(moves=moves, ages=ages, seconds=pauses, executed=st.sampled_from([True, True, True, False]))
    def tick(self, moves: dict[str, int], ages: dict[str, int], seconds: int, executed: bool) -> None:
        self.run_tick({code: (self.price(code, move), ages[code]) for code, move in moves.items()}, seconds)
        if executed:
            self.execute()

    @rule(client=clients, code=codes, direction=directions, volume=volumes, move=small_moves)
    def known_price(self, client: int, code: str, direction: int, volume: int, move: int) -> None:
        """Prices that were fetched in the moment in which orders of all three kinds arrived."""
        self.order(client, code, direction, volume, None)
        self.order(client, code, direction, volume, self.price(code, direction * 50_000))
        if self.model.positions:
            self.close_part(self.model.positions[volume % len(self.model.positions)], None)
        self.run_tick({each: (self.price(each, move if each == code else 0), 1) for each in CONTRACTS}, 1)
        self.execute()

    @rule(code=codes, move=st.sampled_from([-24_900, 24_900]), times=st.integers(2, 6))
    def trend(self, code: str, move: int, times: int) -> None:
        """As far as a price may go without a jump, again and again; only the last tick is executed."""
        for _ in range(times):
            self.run_tick({each: (self.price(each, move if each == code else 0), 0) for each in CONTRACTS}, 1)
        self.execute()

    @rule(
        code=codes,
        move=st.sampled_from([-600_000, -300_000, -60_000, 60_000, 300_000, 900_000]),
        confirmed=st.sampled_from([1, 3, 4, 4, 4]),
        executed=st.booleans(),
    )
    def jump(self, code: str, move: int, confirmed: int, executed: bool) -> None:
        """Beyond what one tick may move: withheld until three more say the same."""
        far = self.price(code, move)
        for _ in range(confirmed):
            self.run_tick({each: (far if each == code else self.price(each, 0), 0) for each in CONTRACTS}, 1)
        if executed:
            self.execute()

    @precondition(lambda self: self.model.positions)
    @rule(number=some, which=some, off=st.integers(-1, 1))
    def edge(self, number: int, which: int, off: int) -> None:
        """Exactly to where a position is marked, or a ten-thousandth before or after; as a jump where it is far."""
        p = self.model.positions[number % len(self.model.positions)]
        edges = [edge for edge in (p.take_profit, p.stop_loss, p.liquidation, p.cap) if edge]
        self.go_to(p.index, edges[which % len(edges)] + off * D("0.0001"), 0)

    @precondition(lambda self: self.model.positions)
    @rule(number=some, which=some, volume=st.none() | st.just(1), batches=st.integers(0, 2))
    def close_at_the_edge(self, number: int, which: int, volume: int | None, batches: int) -> None:
        """A close waits, the position is marked, and the engine gets no further than the first marks, if so far."""
        p = self.model.positions[number % len(self.model.positions)]
        edges = [edge for edge in (p.take_profit, p.stop_loss, p.liquidation, p.cap) if edge]
        self.close_part(p, volume)
        self.go_to(p.index, edges[which % len(edges)], 0, batches=batches)

    def go_to(self, index: int, price: D, age: int, *, batches: int | None = None) -> None:
        if price <= 0:
            return
        for _ in range(1 if self.model.indexes[index].near(price, self.model.indexes[index].price) else 4):
            self.run_tick(
                {each: (price if self.ids[each] == index else self.price(each, 0), age) for each in CONTRACTS}, 1
            )
        if batches is None:
            self.execute()
        else:
            self.die_executing(batches, 1, 0)
            self.model.execute(batches, 1)
            self.another_leads()

    @rule(codes=st.sets(codes, min_size=1))
    def go_stale(self, codes: set[str]) -> None:
        self.run_tick({each: None if each in codes else (self.price(each, 0), 0) for each in CONTRACTS}, 1)
        self.execute()

    @rule(
        moves=moves,
        volumes=st.lists(volumes, min_size=CLIENTS, max_size=CLIENTS),
        closing=st.booleans(),
        batches=st.integers(0, 3),
        size=st.integers(1, 3),
        point=st.integers(0, 3),
        lifted=st.booleans(),
    )
    def crash(
        self,
        moves: dict[str, int],
        volumes: list[int],
        closing: bool,
        batches: int,
        size: int,
        point: int,
        lifted: bool,
    ) -> None:
        """The engine dies after its tick, in the middle of writing a batch; another leads from then on."""
        while lifted and self.model.halts:
            self.lift(0)
        for client, volume in enumerate(volumes):
            self.order(client, "abc"[client % 3], BUY if volume % 2 else SELL, volume, None)
        if closing and self.model.positions:
            self.close_part(self.model.positions[0], None)
        self.run_tick({code: (self.price(code, move), 0) for code, move in moves.items()}, 1)
        died = self.die_executing(batches, size, point)
        self.model.execute(batches, size)
        steps["crashes in a batch"] += died
        self.another_leads()

    def another_leads(self) -> None:
        """And what the old one decided is refused, where there is anything to execute."""
        self.epoch += 1
        sql.execute("UPDATE indexes_leadership SET epoch = %s WHERE shard = %s", [self.epoch, SHARD])
        if work.marked(SHARD):
            with pytest.raises(Fenced):
                work.execute_all(self.moment, lambda: True)
            steps["refused an old leader"] += 1

    def die_executing(self, batches: int, size: int, point: int) -> bool:
        """Whether there was anything left to die of after `batches` batches of `size`."""
        saved = 0
        whole = Batch.save

        def save(batch: Batch) -> set[int]:
            nonlocal saved
            saved += 1
            if saved <= batches:
                return whole(batch)
            if point < 3:
                work_of = [Batch._save_positions, Batch._save_fills, Batch._save_orders][: point + 1]
                for write in work_of:
                    write(batch)
            else:
                whole(batch)
            raise Died

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Batch, "save", save)
            patch.setattr(work, "BATCH", size)
            try:
                work.execute_all(self.moment, lambda: True)
            except Died:
                return True
        return False

    @rule()
    def expire(self) -> None:
        """The job that looks for orders without a price, at the platform's time of the example."""
        # Half a second younger than they are, for the time the statements take.
        younger = sql.database_time() - self.at() + timedelta(seconds=0.5)
        pending = self.model.pending()
        for order in pending:
            self.born(order, younger)
        services.expire_orders()
        self.model.expire()
        for order in pending:
            self.born(order, timedelta())

    def born(self, order: model.Order, later: timedelta) -> None:
        born = self.began + timedelta(seconds=order.born) + later
        sql.execute("UPDATE contracts_order SET created_at = %s WHERE id = %s", [born, order.id])

    # Operators -----------------------------------------------------------------------------------------------------
    @rule(kind=st.sampled_from(["open", "all"]), code=st.none() | codes)
    def halt(self, kind: str, code: str | None) -> None:
        index = None if code is None else self.ids[code]
        halts.start(kind=kind, index_id=index, reason="test", operator="test")
        self.model.halts.add((kind, index))

    @precondition(lambda self: self.model.positions)
    @rule(kind=st.sampled_from(["all", "open"]), number=some, which=some)
    def halted_for_a_tick(self, kind: str, number: int, which: int) -> None:
        """A position would be marked in the halt; its client asks for whatever there is."""
        p = self.model.positions[number % len(self.model.positions)]
        code = self.codes[p.index]
        self.order(self.clients.index(p.client), code, p.direction, 10, None)
        self.close_part(p, None)
        self.halt(kind, code)
        self.close_part(p, 1)
        self.edge(number, which, 0)
        self.lift(sorted(self.model.halts, key=str).index((kind, p.index)))

    @precondition(lambda self: self.model.halts)
    @rule(number=some)
    def lift(self, number: int) -> None:
        standing = sorted(self.model.halts, key=str)
        kind, index = standing[number % len(standing)]
        found = halts.Halt.objects.get(kind=kind, index_id=index, lifted_at=None)
        halts.lift(halt_id=found.id, operator="test")
        self.model.halts.remove((kind, index))

    @precondition(lambda self: self.model.positions)
    @rule(code=codes)
    def change_terms(self, code: str) -> None:
        """The other lever, and back again."""
        index = self.model.indexes[self.ids[code]]
        usual = CONTRACTS[code][0]
        lever = usual.lever if index.terms.lever != usual.lever else OTHER_LEVERS[code]
        index.terms = model.Terms(lever, *list(vars(usual).values())[1:])
        sql.execute("UPDATE indexes_index SET lever = %s WHERE id = %s", [lever, self.ids[code]])

    # What must hold after each step --------------------------------------------------------------------------------
    @invariant()
    def books_agree(self) -> None:
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        sql.execute("SET CONSTRAINTS ALL DEFERRED")
        self.accounts_agree()
        self.positions_agree()
        self.orders_agree()
        self.pool_agrees()
        self.closes_come_to_nothing()
        self.desk.clean()
        steps["steps"] += 1

    def accounts_agree(self) -> None:
        found = {name_of(id): amount for id, amount in sql.rows("SELECT id, balance FROM ledger_account") if amount}
        assert found == {name: amount for name, amount in self.model.accounts.items() if amount}
        assert sum(found.values()) == 0
        below = {kind for (kind, _owner), amount in found.items() if amount < 0}
        assert below <= {"custody", "pool_result"}
        for client in self.clients:
            held = sum((order.hold for order in self.model.pending(client=client)), D(0))
            margin = sum((p.margin for p in self.model.positions if p.client == client), D(0))
            assert found.get(("order_hold", client), 0) == held
            assert found.get(("margin", client), 0) == margin

    def positions_agree(self) -> None:
        found = sql.rows(
            """
            SELECT client_id, index_id, direction, volume, notional, margin, lever, liquidation_price, cap_price,
                take_profit, stop_loss, mark, mark_price, mark_result
            FROM contracts_position WHERE closed_at IS NULL ORDER BY id
            """
        )
        assert found == [
            (
                *(p.client, p.index, p.direction, p.volume, p.notional, p.margin, p.terms.lever, p.liquidation, p.cap),
                *(p.take_profit, p.stop_loss, p.mark, p.mark_price, p.mark_result),
            )
            for p in sorted(self.model.positions, key=lambda p: p.number)
        ]

    def orders_agree(self) -> None:
        found = sql.rows("SELECT id, status, reason, volume, hold, fee, fill_price FROM contracts_order ORDER BY id")
        assert len(found) == len(self.model.orders)
        for (id, status, reason, *amounts), order in zip(found, self.model.orders, strict=True):
            assert (id, status) == (order.id, order.status), (reason, order.reasons)
            assert reason in order.reasons
            assert amounts == [order.volume, order.hold, order.fee, order.price]

    def pool_agrees(self) -> None:
        books = self.model
        marked = [p.mark_result for p in books.positions if p.mark_result is not None]
        found = sql.row("SELECT reserved, units, marked, marked_result FROM market_making_pool")
        assert found == (books.reserved, books.units, len(marked), sum(marked, D(0)))
        assert PoolBook.read().leaving == books.leaving
        sums: dict[tuple[int, int], list[Any]] = {}
        for p in books.positions:
            of = sums.setdefault((p.index, p.direction), [D(0), D(0), D(0), 0])
            if not p.mark:
                of[0] += p.quantity
                of[1] += p.notional
            of[2] += p.bound
            of[3] += p.volume
        rows = sql.rows("SELECT index_id, direction, quantity, notional, bound, volume FROM market_making_exposure")
        assert {(index, side): values for index, side, *values in rows if any(values)} == sums
        profit = sum((s * (books.indexes[i].price * q - on) for i, s, q, on, *_ in rows), D(0)) + sum(marked, D(0))
        assert profit == books.profit
        pledged = sum((amount for (kind, _), amount in books.accounts.items() if kind == "pledge"), D(0))
        assert books.balance("pool_result") >= -pledged
        assert books.equity >= books.reserved >= 0

    def closes_come_to_nothing(self) -> None:
        """What the trader gains by a close is what pool, incentive pool and revenue lose by it."""
        for fill in Fill.objects.filter(id__gt=self.fills).select_related("order").order_by("id"):
            self.fills = fill.id
            steps[fill.kind] += 1
            if fill.kind == "open":
                continue
            reference = f"order:{fill.order_id}" if fill.order_id else f"mark:{fill.position_id}"
            moved: Counter[str] = Counter()
            for debit, credit, amount in sql.rows(
                "SELECT debit_id, credit_id, amount FROM ledger_transfer WHERE reference = %s", [reference]
            ):
                moved[name_of(debit)[0]] -= amount
                moved[name_of(credit)[0]] += amount
            trader = moved["available"] + moved["margin"]
            assert trader == fill.profit - fill.fee - fill.liquidation_fee
            assert trader + moved["pool_result"] + moved["incentive_pool"] + moved["fee_revenue"] == 0
            assert moved["pool_result"] == fill.liquidation_fee - fill.profit + Model.fee_to_pool(fill.fee)


def name_of(account: int) -> tuple[str, int | str]:
    if account >= PLATFORM_BASE:
        return PlatformAccount(account).name.lower(), model.PLATFORM
    return ClientAccount(account % 8).name.lower(), account // 8


def test_books_and_model_agree_after_every_step(django_db_setup, django_db_blocker, capsys):
    steps.clear()
    began = time.monotonic()
    with django_db_blocker.unblock():
        run_state_machine_as_test(Books, settings=settings.get_profile("books-deep" if DEEP else "books"))
    took = time.monotonic() - began
    if DEEP:
        with capsys.disabled():
            sys.stdout.write(f"\n{steps['steps']} steps in {took:.0f} s: {dict(sorted(steps.items()))}\n")
    kinds = ["open", "close", "liquidation", "crashes in a batch"]
    for kind in [*kinds, "cap", "stop_loss", "take_profit", "refused an old leader"] if DEEP else kinds:
        assert steps[kind], f"no step led to {kind}"
