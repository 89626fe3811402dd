"""A small exchange for tests: clients with money, a pool, indexes whose prices the test says."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count

from django.utils import timezone

from accounts.services import open_client
from backoffice.reconcile import reconcile
from common import sql
from common.reconciliation import checks
from contracts import services
from contracts.engine.deciding import decide
from contracts.engine.work import execute_all
from contracts.models import Order, Position
from indexes.models import Basket, Constituent, Index, IndexState
from indexes.venues import Quote
from ledger import accounts, queries
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.services import Kind, Posting, post
from market_making.models import Settlement
from market_making.queries import figures
from market_making.services import PledgePayments
from operations import runs
from payments.handlers import ConfirmedPayment

SHARD = "main"
# What no payment on chain stands behind, because the test put it there.
OFF_CHAIN = {"payments", "chain holdings"}


class Desk:
    """`tick` does what the engine does in a second, at a price the test chooses and a second after the last."""

    def __init__(self, price: str = "1000", pool: str = "100000", code: str = "a", **terms: object) -> None:
        sql.execute("INSERT INTO indexes_leadership (shard, epoch) VALUES (%s, 1) ON CONFLICT DO NOTHING", [SHARD])
        self._numbers = count(1)
        self._day: date | None = None
        self._at: datetime = timezone.now().replace(microsecond=0)
        self.index = self.new_index(code, **terms)
        self.tick(price)
        if Decimal(pool):
            self.pledge(self.client("0"), pool)

    def new_index(self, code: str, **terms: object) -> Index:
        usual = {
            "title": code,
            "sub_title": code.upper(),
            "max_order_volume": 10**7,
            "max_position_volume": 10**8,
            "max_open_interest": Decimal(10) ** 12,
        }
        index = Index.objects.create(code=code, **{**usual, **terms})
        IndexState.objects.get_or_create(index=index)
        basket = Basket.objects.create(
            index=index, version=1, divisor=1, effective_at=timezone.now() - timedelta(days=1)
        )
        Constituent.objects.create(
            basket=basket, symbol=code.upper(), weight=1, venues=["test"], allow_single_venue=True
        )
        return index

    def client(self, balance: str) -> int:
        """A new client with USDT on its index account."""
        client = open_client(address=f"0x{next(self._numbers):040x}")
        if Decimal(balance):
            self.credit(client.id, balance)
        return client.id

    def credit(self, client: int, amount: str) -> None:
        """USDT on a client's index account, as if it had come over the chain."""
        available, reference = accounts.available(client), f"test:{next(self._numbers)}"
        post([Posting(PlatformAccount.CUSTODY, available, Decimal(amount), Kind.DEPOSIT, reference)])

    def pledge(self, client: int, amount: str) -> None:
        number = next(self._numbers)
        PledgePayments().on_confirmed(
            ConfirmedPayment(client, f"ZSZY{number:015d}", Decimal(amount), f"test:pledge:{number}")
        )

    def settle(self) -> Settlement:
        """The pool's settlement of the next accounting day, all of it. The first is today's, so that whoever has
        cancelled leaves with it."""
        self._day = self._day + timedelta(days=1) if self._day else runs.today()
        outcome = runs.carry_out("pledges", self._day)
        assert outcome.did, outcome.run.note
        return Settlement.objects.get(day=self._day)

    def order(
        self, client: int, direction: int, volume: int, limit: str | None = None, index: Index | None = None
    ) -> int:
        placed = services.place_order(
            client_id=client,
            index_id=(index or self.index).id,
            direction=direction,
            volume=volume,
            limit=None if limit is None else Decimal(limit),
        )
        return placed.id

    def close(self, client: int, position: Position, volume: int | None = None) -> int:
        return services.close_position(client_id=client, position_id=position.id, volume=volume)[0]

    def tick(
        self,
        price: str | None,
        *,
        execute: bool = True,
        index: Index | None = None,
        seconds: int = 1,
        go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """The next second; None: the index has no price. What waits has arrived a second before."""
        last = self._at
        self._at = max(last + timedelta(seconds=seconds), timezone.now().replace(microsecond=0))
        sql.execute(
            "UPDATE contracts_order SET created_at = %s WHERE status = 'pending' AND created_at > %s",
            [self._at - timedelta(seconds=1), self._at - timedelta(seconds=1)],
        )
        quotes = {}
        for row in Index.objects.select_related("state"):
            value = price if row == (index or self.index) else row.state.last_price
            if value is not None:
                quotes[row.code.upper()] = Quote(Decimal(value), self._at)
        # A test may jump as it likes; the rule against jumps has tests of its own.
        sql.execute(
            "UPDATE indexes_indexstate SET last_price = %s WHERE index_id = %s AND %s IS NOT NULL",
            [price, (index or self.index).id, price],
        )
        self.results, self.moment = decide(SHARD, 1, {"test": quotes}, self._at)
        if execute:
            execute_all(self.moment, go_on)

    def execute(self) -> None:
        """Carries out what the last tick decided and was left."""
        execute_all(self.moment, lambda: True)

    def trade(self, client: int, direction: int, volume: int, price: str = "1000") -> Position | None:
        """An order and the tick that fills it; the position then."""
        self.order(client, direction, volume)
        self.tick(price)
        return self.position(client, direction)

    def position(self, client: int, direction: int) -> Position | None:
        return Position.objects.filter(
            client_id=client, index=self.index, direction=direction, closed_at__isnull=True
        ).first()

    def available(self, client: int) -> Decimal:
        return queries.balance(accounts.available(client))

    def held(self, client: int) -> Decimal:
        return queries.balance(accounts.order_hold(client))

    def margin(self, client: int) -> Decimal:
        return queries.client_balances(client)[ClientAccount.MARGIN]

    def books(self) -> tuple[Decimal, ...]:
        """pool_result, incentive pool, revenue, E, R."""
        pool = figures()
        return (
            *(queries.balance(a) for a in (PlatformAccount.POOL_RESULT, PlatformAccount.INCENTIVE_POOL)),
            queries.balance(PlatformAccount.FEE_REVENUE),
            pool.equity,
            pool.reserved,
        )

    def reason(self, order: int) -> tuple[str, str]:
        row = Order.objects.get(id=order)
        return row.status, row.reason

    def clean(self) -> None:
        """Every check of the books holds."""
        found = [d for name, check in checks().items() if name not in OFF_CHAIN for d in check()]
        assert not [d for d in found if not d.warning], found


def reconciled() -> None:
    """As `manage.py reconcile`, for tests whose money came over the chain."""
    assert not [d for d in reconcile() if not d.warning]
