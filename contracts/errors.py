"""Why an order may be refused: a stable reason and its sentence."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Refused
from market_making.book import SENTENCES as POOL_SENTENCES

SENTENCES: dict[str, Any] = {
    **POOL_SENTENCES,
    "stale": _("This index has no trustworthy price at the moment."),
    "halted": _("An operator has halted this for now."),
    "no_price": _("No price arrived in time; the order was not executed."),
    "protection_reached": _("The price is at or beyond this already; close the position instead."),
    "closing": _("This position is being closed."),
    "position_closed": _("The position is closed already."),
    "terms_changed": _("The contract's terms have changed since this position was opened; close it first."),
    "index_price_too_low": _("Nothing is opened while an index is below 1."),
    "order_too_small": _("An order is at least 1 USDT."),
    "volume_limit": _("This is more than the largest volume allowed."),
    "too_many_orders": _("At most 50 limit orders may wait at a time."),
    "banned": _("This account is banned."),
    "insufficient_balance": _("The balance is not sufficient."),
    "order_not_pending": _("The order is no longer pending."),
    "order_not_cancellable": _("An order at the market price executes at the next tick and cannot be cancelled."),
    "close_waiting": _("A close of this position is waiting already."),
    "close_volume": _("The position has fewer contracts than that."),
}


def refused(reason: str) -> Refused:
    return Refused(SENTENCES[reason], reason)
