"""Withdrawals: asked for by clients, approved by rule or by operators, paid by the hot wallet, each once."""

from payments.services.withdrawals.approval import approve, approve_automatically, carry_out, reject
from payments.services.withdrawals.paying import pay
from payments.services.withdrawals.request import request_withdrawal
from payments.services.withdrawals.tracking import track
from payments.services.withdrawals.watching import watch

__all__ = ["approve", "approve_automatically", "carry_out", "pay", "reject", "request_withdrawal", "track", "watch"]
