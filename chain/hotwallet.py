"""The hot wallet's key, and the transactions that it signs.

The key comes from the environment (`SOKE_HOT_WALLET_KEY`) or from an encrypted keystore (`SOKE_HOT_WALLET_KEYSTORE` and
the file with its password, `SOKE_HOT_WALLET_PASSWORD_FILE`); on the development chain, without either, it is the
well-known account 1. It is read when something is signed and stands nowhere else: not in the settings, the database, a
task or a log.
"""

import json
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from chain.development import CHAIN_ID, RECEIVING, transfer_call, wallet
from chain.node import normalise_hash
from chain.signatures import normalise_address


class HotWalletError(Exception):
    """There is no key, or it is not that of the hot wallet. The text never holds any of it."""


class Signed(NamedTuple):
    """A transaction ready to be broadcast: `raw` is 0x and hex."""

    tx_hash: str
    raw: str


def sign_transfer(*, to: str, amount: Decimal, nonce: int, max_fee: int, tip: int) -> Signed:
    """Signs a transfer of `amount` USDT out of the hot wallet (EIP-1559; fees in wei for a unit of gas).

    Deterministic: the same arguments give the same transaction. Raises HotWalletError.
    """
    from eth_account import Account

    signed = Account.from_key(_key()).sign_transaction(
        {
            "type": 2,
            "chainId": settings.CHAIN_ID,
            "nonce": nonce,
            "to": normalise_address(settings.CHAIN_TOKEN_ADDRESS),
            "value": 0,
            "data": transfer_call(to, amount),
            "gas": settings.PAYOUT_GAS,
            "maxFeePerGas": max_fee,
            "maxPriorityFeePerGas": tip,
        }
    )
    return Signed(normalise_hash("0x" + bytes(signed.hash).hex()), "0x" + bytes(signed.raw_transaction).hex())


def check() -> None:
    """Raises HotWalletError unless the key is there and that of `settings.CHAIN_HOT_WALLET_ADDRESS`."""
    _key()


def _key() -> bytes:
    return _read(
        os.environ.get("SOKE_HOT_WALLET_KEY", ""),
        os.environ.get("SOKE_HOT_WALLET_KEYSTORE", ""),
        os.environ.get("SOKE_HOT_WALLET_PASSWORD_FILE", ""),
        settings.CHAIN_ID,
        settings.CHAIN_HOT_WALLET_ADDRESS,
    )


@cache
def _read(key: str, keystore: str, password_file: str, chain_id: int, address: str) -> bytes:
    """The key, once for a process: opening a keystore is made to be slow."""
    from eth_account import Account

    try:
        if key:
            found = bytes.fromhex(key.removeprefix("0x"))
        elif keystore:
            password = Path(password_file).read_text().rstrip("\r\n")
            found = bytes(Account.decrypt(json.loads(Path(keystore).read_text()), password))
        elif chain_id == CHAIN_ID:
            found = bytes.fromhex(wallet(RECEIVING).key[2:])
        else:
            raise HotWalletError("no key: set SOKE_HOT_WALLET_KEY or SOKE_HOT_WALLET_KEYSTORE")
        own = str(Account.from_key(found).address)
    except HotWalletError:
        raise
    except Exception as error:
        # The text of an error may quote what it could not read.
        raise HotWalletError(f"the hot wallet's key cannot be read ({type(error).__name__})") from None
    if own != normalise_address(address):
        raise HotWalletError(f"the key is that of {own}, not of the hot wallet {address}")
    return found
