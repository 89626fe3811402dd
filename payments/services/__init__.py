"""Payments on chain: orders to pay, the scanner that reads what came in, and the settlement that books it."""

from payments.services.orders import claim, create_order, expire
from payments.services.scanner import scan
from payments.services.settlement import settle

__all__ = ["claim", "create_order", "expire", "scan", "settle"]
