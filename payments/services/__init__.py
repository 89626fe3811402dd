"""Payments on chain: orders to pay, the scanner that reads what came in, the settlement that books it; withdrawals."""

from payments.services.orders import SMALLEST_PLEDGE, claim, create_order, expire
from payments.services.scanner import scan
from payments.services.settlement import settle
from payments.services.withdrawals import approve_automatically, pay, request_withdrawal, track, watch

__all__ = [
    "SMALLEST_PLEDGE",
    "approve_automatically",
    "claim",
    "create_order",
    "expire",
    "pay",
    "request_withdrawal",
    "scan",
    "settle",
    "track",
    "watch",
]
