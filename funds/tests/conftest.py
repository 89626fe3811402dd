"""Payers of the payments' tests, with wallets on the real chain."""

from payments.tests.conftest import chain, new_payer, payer, token

__all__ = ["chain", "new_payer", "payer", "token"]
