"""What `make run` shows on the development chain: a token, indexes, a funded pool, an operator."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from accounts.services import open_client
from chain import development
from chain.development import DEPLOYER, PLEDGER
from chain.node import node
from common import order_numbers
from common.money import divide
from funds.models import Period
from funds.models import Product as Fund
from indexes.models import Basket, Constituent, Index, IndexState
from indexes.rules import basket_worth
from indexes.venues import SIMULATED
from indexes.venues.simulated import start_price
from ledger.accounts import PlatformAccount
from ledger.queries import balance
from market_making.models import Pledge
from payments import services as payments
from popups.models import Popup

POOL = Decimal(1_000_000)
RESERVE = Decimal(100_000)
OPERATOR = "admin"
FREE_WALLETS = range(3, 10)


@dataclass(frozen=True)
class Product:
    """An index of the demonstration: its weights and where it begins."""

    title: str
    sub_title: str
    code: str
    begins: Decimal
    weights: dict[str, Decimal]


PRODUCTS = (
    Product("主流指数", "SOKE-MAIN", "sokemain", Decimal(3000), {"BTC": Decimal("0.02"), "ETH": Decimal("0.5")}),
    Product(
        "公链指数",
        "SOKE-CHAIN",
        "sokechain",
        Decimal(1000),
        {"ETH": Decimal("0.2"), "BNB": Decimal(1), "SOL": Decimal(4), "ADA": Decimal(500)},
    ),
    Product(
        "DeFi指数",
        "SOKE-DEFI",
        "sokedefi",
        Decimal(500),
        {"UNI": Decimal(20), "AAVE": Decimal(2), "LINK": Decimal(12)},
    ),
)

# Title, price of a unit, early redemption fee rate, {months: profit rate of the whole period}.
FUNDS: tuple[tuple[str, str, str | None, dict[int, str]], ...] = (
    ("稳健基金", "101", "0.05", {1: "0.01", 3: "0.04", 6: "0.1", 12: "0.25"}),
    ("进取基金", "50", None, {3: "0.2", 6: "0.3", 12: "0.4"}),
)
FUND_VOLUME = 100


def load(say: Callable[[str], None], password: str) -> None:
    """Loads what is missing of it; again is no error and changes nothing."""
    token = development.deploy_token()
    say(f"Token: test USDT at {token} on chain {settings.CHAIN_ID}.")
    for position, product in enumerate(PRODUCTS):
        if not Index.objects.filter(code=product.code).exists():
            _make_index(product, position)
            say(f"Index: {product.title} ({product.sub_title}), simulated prices.")
    _make_operator(say, password)
    _make_popup(say)
    _make_funds(say)
    _fund_pool(say)
    _fund_reserve(say)


@transaction.atomic
def _make_index(product: Product, position: int) -> None:
    # What is simulated is what the platform made up itself: no spread is owed for it.
    index = Index.objects.create(
        title=product.title, sub_title=product.sub_title, code=product.code, position=position, spread=0
    )
    IndexState.objects.get_or_create(index=index)
    weights = {f"{coin}/USDT": weight for coin, weight in product.weights.items()}
    worth = basket_worth(weights, {symbol: start_price(symbol) for symbol in weights})
    basket = Basket.objects.create(
        index=index,
        version=1,
        effective_at=timezone.now(),
        divisor=divide(worth, product.begins),
    )
    Constituent.objects.bulk_create(
        Constituent(basket=basket, symbol=symbol, weight=weight, venues=[SIMULATED], allow_single_venue=True)
        for symbol, weight in weights.items()
    )


def _make_popup(say: Callable[[str], None]) -> None:
    """The document's example, switched off."""
    if not Popup.objects.exists():
        button = {"name": "立即更新", "type": "url", "value": "https://testflight.apple.com/join/kEf897k0"}
        Popup.objects.create(
            kind=Popup.Kind.UPDATE,
            title="更新提醒",
            content="发现新版本，请立即更新!",
            is_cancel=False,
            buttons=[button],
            version_to="1.0",
        )
        say("Popup: an update, switched off.")


def _make_operator(say: Callable[[str], None], password: str) -> None:
    users = get_user_model()
    if not users.objects.filter(username=OPERATOR).exists():
        users.objects.create_superuser(OPERATOR, password=password)
        say(f"Operator: {OPERATOR}.")


def _make_funds(say: Callable[[str], None]) -> None:
    for title, price, fee, periods in FUNDS:
        if Fund.objects.filter(title=title).exists():
            continue
        with transaction.atomic():
            fund = Fund.objects.create(
                title=title,
                unit_price=Decimal(price),
                total_volume=FUND_VOLUME,
                early_fee_rate=None if fee is None else Decimal(fee),
            )
            Period.objects.bulk_create(
                Period(product=fund, months=months, profit=Decimal(profit)) for months, profit in periods.items()
            )
        say(f"Fund: {title}, {FUND_VOLUME} units at {price} USDT.")


def _fund_pool(say: Callable[[str], None]) -> None:
    """Pays the pool in as a client would: an order, a real transfer, its confirmation. What an earlier start left
    unfinished goes on: the scanner matches what was paid."""
    if Pledge.objects.exists():
        return
    pledger = development.wallet(PLEDGER)
    client = open_client(address=pledger.address)
    if node().balance_of(settings.CHAIN_TOKEN_ADDRESS, pledger.address) >= POOL:
        order = payments.create_order(client_id=client.id, purpose=order_numbers.PLEDGE, amount=POOL)
        tx_hash = development.send_transfer(pledger.key, settings.CHAIN_RECEIVING_ADDRESS, POOL)
        payments.claim(client_id=client.id, purpose=order_numbers.PLEDGE, no=order.no, tx_hash=tx_hash)
    development.mine(settings.CHAIN_CONFIRMATIONS)
    payments.scan()
    payments.settle()
    if Pledge.objects.exists():
        say(f"Market pool: {POOL:,} USDT paid in by {pledger.address}.")
    else:
        say("Market pool: empty; the chain's state and the database are not of one origin (see docs/runbooks.md).")


def _fund_reserve(say: Callable[[str], None]) -> None:
    """Tops the fund reserve up by a transfer of the treasury, once."""
    treasury = development.wallet(DEPLOYER)
    token, receiving = settings.CHAIN_TOKEN_ADDRESS, settings.CHAIN_RECEIVING_ADDRESS
    if balance(PlatformAccount.FUND_RESERVE) or treasury.address != settings.CHAIN_TREASURY_ADDRESS:
        return
    if node().balance_of(token, treasury.address) >= RESERVE:
        development.send_transfer(treasury.key, receiving, RESERVE)
    development.mine(settings.CHAIN_CONFIRMATIONS)
    payments.scan()
    payments.settle()
    say(f"Fund reserve: {balance(PlatformAccount.FUND_RESERVE):,} USDT, from the treasury {treasury.address}.")


def summary(say: Callable[[str], None]) -> None:
    """The wallets to try."""
    deployer = development.wallet(DEPLOYER)
    say(f"Treasury {deployer.address}; wallets to try, 1,000,000 test USDT each (mnemonic: {development.MNEMONIC}):")
    for number in FREE_WALLETS:
        say(f"  {number}  {development.wallet(number).address}")
