"""The hot wallet's row, and what the chain says of it."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from chain.node import Fees, Node
from common import sql
from common.money import MONEY
from operations.alerts import alert
from payments.models import PayoutWallet, Withdrawal

WEI = Decimal(10) ** 18


@dataclass(frozen=True, slots=True)
class Holdings:
    """`nonce` is that of the wallet's next transaction to be mined; `tokens` USDT and `coins` (wei) were read after it,
    so what is subtracted twice makes us wait, never pay what is not there."""

    nonce: int
    tokens: Decimal
    coins: int
    fees: Fees


def look(chain: Node) -> Holdings:
    """What the chain says of the hot wallet now. Raises NodeError."""
    address = settings.CHAIN_HOT_WALLET_ADDRESS
    return Holdings(
        nonce=chain.transactions_of(address),
        tokens=chain.balance_of(settings.CHAIN_TOKEN_ADDRESS, address),
        coins=chain.coins_of(address),
        fees=chain.fees(),
    )


def lock_wallet() -> PayoutWallet:
    """The row, locked until the transaction ends; made where there is none."""
    place = {"chain_id": settings.CHAIN_ID, "address": settings.CHAIN_HOT_WALLET_ADDRESS}
    PayoutWallet.objects.get_or_create(**place, defaults={"next_nonce": 0, "held_up": ""})
    return PayoutWallet.objects.select_for_update().get(**place)


def shortage(wallet: PayoutWallet, holdings: Holdings, amount: Decimal, max_fee: int) -> str:
    """What the wallet lacks for a payout of `amount` (`tokens`, `gas` or nothing), beside what it has sent that is not
    mined. `wallet` is locked."""
    unmined = Withdrawal.objects.filter(status=Withdrawal.Status.SENT, nonce__gte=holdings.nonce)
    going = sum((row.amount - row.fee for row in unmined.only("amount", "fee")), Decimal(0))
    if holdings.tokens - going - amount < settings.HOT_WALLET_LOW_TOKENS:
        return "tokens"
    gas = (unmined.count() + 1) * settings.PAYOUT_GAS * max_fee
    if Decimal(holdings.coins - gas) < settings.HOT_WALLET_LOW_COINS * WEI:
        return "gas"
    return ""


def note(wallet: PayoutWallet, holdings: Holdings, held_up: str) -> None:
    """Writes down what was seen; says so where payouts are held up."""
    wallet.tokens, wallet.coins = holdings.tokens.quantize(MONEY), Decimal(holdings.coins) / WEI
    wallet.held_up, wallet.checked_at = held_up, sql.database_time()
    wallet.save()
    if held_up:
        alert(
            f"hot_wallet:{held_up}",
            f"Payouts wait: the hot wallet is low on {held_up}",
            f"{wallet.address} holds {wallet.tokens} USDT and {wallet.coins} coins for gas. Top it up; payouts go on "
            "by themselves (docs/runbooks.md).",
        )
