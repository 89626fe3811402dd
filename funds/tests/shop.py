"""Funds for tests: products, clients, a reserve, and purchases as if they had been paid over the chain."""

from datetime import datetime
from decimal import Decimal
from itertools import count

from django.db import transaction

from accounts.services import open_client
from common import sql
from common.reconciliation import checks
from common.times import add_months
from funds import services
from funds.models import FundOrder, Period, Product
from funds.services.purchases import FundPayments
from ledger import accounts, queries
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.services import Kind, Posting, post
from payments.handlers import ConfirmedPayment
from payments.models import PaymentOrder

# What no payment on chain stands behind, because the test put it there.
OFF_CHAIN = {"payments", "chain holdings"}
_numbers = count(1)


def new_client() -> int:
    return open_client(address=f"0x{next(_numbers):040x}").id


def new_product(
    price: str = "101", volume: int = 100, early_fee: str | None = "0.05", periods: dict[int, str] | None = None
) -> Product:
    """The document's fund, unless said otherwise."""
    product = Product.objects.create(
        title="测试基金",
        unit_price=Decimal(price),
        total_volume=volume,
        early_fee_rate=None if early_fee is None else Decimal(early_fee),
    )
    for months, profit in (periods or {3: "0.2", 6: "0.3", 12: "0.4"}).items():
        Period.objects.create(product=product, months=months, profit=Decimal(profit))
    product.refresh_from_db()
    return product


def fund_reserve(amount: str, account: PlatformAccount = PlatformAccount.FUND_RESERVE) -> None:
    reference = f"test:reserve:{next(_numbers)}"
    post([Posting(PlatformAccount.CUSTODY, account, Decimal(amount), Kind.RESERVE, reference)])


def prepare(client: int, product: Product, volume: int = 10, months: int | None = None) -> FundOrder:
    return services.place_purchase(client_id=client, product_id=product.id, months=months, volume=volume)


def bought(
    client: int, product: Product, volume: int = 10, months: int | None = None, started: datetime | None = None
) -> FundOrder:
    """A confirmed order whose period began at `started`, by default now."""
    order = prepare(client, product, volume, months)
    no, handler = order.payment.no, FundPayments()
    with transaction.atomic():
        handler.on_seen(no)
        handler.on_confirmed(ConfirmedPayment(client, no, order.amount, f"test:fund:{no}"))
    PaymentOrder.objects.filter(no=no).update(status=2, tx_hash="0x" + "ab" * 32, finished_at=sql.database_time())
    order.refresh_from_db()
    if started is not None:
        order.started_at, order.matures_at = started, add_months(started, order.months)
        order.save()
    return order


def reserve() -> Decimal:
    return queries.balance(PlatformAccount.FUND_RESERVE)


def money(client: int) -> tuple[Decimal, Decimal]:
    """On the index account, and in funds."""
    balances = queries.client_balances(client)
    return balances[ClientAccount.AVAILABLE], balances[ClientAccount.FUND_PRINCIPAL]


def custody_pays(client: int, amount: str) -> None:
    reference = f"test:{next(_numbers)}"
    post([Posting(PlatformAccount.CUSTODY, accounts.available(client), Decimal(amount), Kind.DEPOSIT, reference)])


def clean() -> None:
    """Every check of the books holds."""
    found = [d for name, check in checks().items() if name not in OFF_CHAIN for d in check()]
    assert not [d for d in found if not d.warning], found
