"""Withdrawals and who pays them. The hot wallet's key is no setting: chain/hotwallet.py reads it where it signs."""

from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured

from soke_project.settings.chain import CHAIN_ID, CHAIN_RECEIVING_ADDRESS, DEVELOPMENT_CHAIN_ID
from soke_project.settings.environment import env

_TRYING = CHAIN_ID == DEVELOPMENT_CHAIN_ID


def _usdt(name: str, default: str) -> Decimal:
    return Decimal(env.str(name, default))


WITHDRAWAL_MINIMUM = _usdt("SOKE_WITHDRAWAL_MINIMUM", "10")
WITHDRAWAL_FEE = _usdt("SOKE_WITHDRAWAL_FEE", "1")
# How many a client may ask for in a day of Asia/Shanghai.
WITHDRAWALS_A_DAY = env.int("SOKE_WITHDRAWALS_A_DAY", 5)
# What is approved without an operator: at most so much for a client, and for all clients together, in a day.
WITHDRAWAL_AUTOMATIC_CLIENT = _usdt("SOKE_WITHDRAWAL_AUTOMATIC_CLIENT", "100" if _TRYING else "0")
WITHDRAWAL_AUTOMATIC_PLATFORM = _usdt("SOKE_WITHDRAWAL_AUTOMATIC_PLATFORM", "10000" if _TRYING else "0")
# Above this two operators must approve.
WITHDRAWAL_FOUR_EYES = _usdt("SOKE_WITHDRAWAL_FOUR_EYES", "1000")

CHAIN_HOT_WALLET_ADDRESS = env.str("CHAIN_HOT_WALLET_ADDRESS", CHAIN_RECEIVING_ADDRESS)
# Payouts wait rather than leave the hot wallet less than this, in USDT and in the chain's coin.
HOT_WALLET_LOW_TOKENS = _usdt("SOKE_HOT_WALLET_LOW_TOKENS", "0")
HOT_WALLET_LOW_COINS = _usdt("SOKE_HOT_WALLET_LOW_COINS", "0.01")
# A payout that was not mined for so long is replaced at a fee so much higher (nodes want 10 % at least).
PAYOUT_STUCK_SECONDS = env.float("SOKE_PAYOUT_STUCK_SECONDS", 120.0)
PAYOUT_FEE_BUMP = _usdt("SOKE_PAYOUT_FEE_BUMP", "0.25")
# The most that is bid for a unit of gas, in wei; replacements stop there and operators are told.
PAYOUT_HIGHEST_FEE = env.int("SOKE_PAYOUT_HIGHEST_FEE", 500 * 10**9)
PAYOUT_GAS = env.int("SOKE_PAYOUT_GAS", 120_000)

if not 0 <= WITHDRAWAL_FEE < WITHDRAWAL_MINIMUM:
    raise ImproperlyConfigured("SOKE_WITHDRAWAL_FEE is at least 0 and less than SOKE_WITHDRAWAL_MINIMUM.")
if Decimal("0.1") > PAYOUT_FEE_BUMP:
    raise ImproperlyConfigured("SOKE_PAYOUT_FEE_BUMP is at least 0.1: nodes refuse less.")
