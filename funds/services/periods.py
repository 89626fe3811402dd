"""The ends of periods: each order pays its reward, by itself, as soon as the reserve suffices."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from common import sql
from common.sockets import publish
from funds import rules
from funds.locks import lock_order, lock_orders
from funds.models import FundOrder, FundReward
from funds.queries import reserve
from ledger import services as ledger
from ledger.accounts import PlatformAccount, available, fund_principal
from ledger.channels import BALANCE
from ledger.services import Kind, Posting, post
from operations import runs
from operations.models import JobRun

log = structlog.get_logger(__name__)

JOB = "funds"
BATCH = 200
# Where a run has got to: the end of a period and an order's id.
_AFTER = "after"


def settle(run: JobRun) -> bool:
    """A step of the job: rewards the next orders whose period ended by the end of the run's day, the earliest first.

    Where the reserve is short an order waits; every later run tries it again, as does `pay_waiting`.
    """
    counts = run.counts
    if _AFTER not in counts:
        counts["waiting"] = counts["failed"] = 0
    batch = _next(runs.day_end(run.day), counts.get(_AFTER))
    for order in lock_orders(batch):
        try:
            with transaction.atomic():
                if is_due(order, runs.day_end(run.day)):
                    rewarded = reward_order(order)
                    name = "rewarded" if rewarded else "waiting"
                    counts[name] = counts.get(name, 0) + 1
        except Exception:
            log.exception("fund_order_not_settled", order=order.id)
            counts["failed"] += 1
    if len(batch) < BATCH:
        counts.pop(_AFTER, None)
        return True
    last = batch[-1]
    assert last.matures_at is not None
    counts[_AFTER] = f"{last.matures_at.isoformat()} {last.id}"
    return False


def pay_waiting() -> int:
    """Rewards the orders that wait for the reserve, as far as it goes now; their number."""
    held, paid = reserve(), 0
    for order in FundOrder.objects.filter(waiting_since__isnull=False).order_by("matures_at", "id"):
        if rules.reward(order.amount, order.profit) > held:
            # Nothing is locked for what is read to be hopeless.
            continue
        with transaction.atomic():
            found = lock_order(order)
            paid += found.waiting_since is not None and reward_order(found)
        held = reserve()
    return paid


def is_due(order: FundOrder, until: datetime) -> bool:
    """Whether the order's period ended by `until` and was not rewarded. A redemption asked for before the end is an
    early one, however late it is carried out."""
    return (
        order.matures_at is not None
        and order.matures_at <= until
        and order.rewarded_at is None
        and order.redeemed_at is None
        and (order.redemption_asked_at is None or order.redemption_asked_at >= order.matures_at)
    )


def reward_order(order: FundOrder) -> bool:
    """Pays the reward of a locked order that is due; False where the reserve is short, and the order waits.

    A loss is taken from the principal.
    """
    reward = rules.reward(order.amount, order.profit)
    client, pot, reference = order.client_id, PlatformAccount.FUND_RESERVE, reference_of(order)
    held = ledger.lock([pot])[pot]
    now = sql.database_time()
    if reward > held:
        if order.waiting_since is None:
            order.waiting_since = now
            order.save(update_fields=["waiting_since"])
            log.warning("fund_order_waits_for_reserve", order=order.id, reward=str(reward), held=str(held))
        return False
    if reward >= 0:
        post([Posting(pot, available(client), reward, Kind.FUND_REWARD, reference)])
    else:
        post([Posting(fund_principal(client), pot, -reward, Kind.FUND_LOSS, reference)])
    FundReward.objects.create(order=order, client_id=client, product_id=order.product_id, amount=reward, created_at=now)
    order.rewarded_at, order.waiting_since = now, None
    order.save(update_fields=["rewarded_at", "waiting_since"])
    publish.after_commit([client], [BALANCE])
    return True


def reference_of(order: FundOrder) -> str:
    """The cause of an order's movements in the ledger, but for its payment."""
    return f"fund_order:{order.id}"


def _next(until: datetime, after: str | None) -> Sequence[FundOrder]:
    """The next batch of what `is_due`, as it stands before it is locked, in the order of the periods' ends."""
    due: QuerySet[FundOrder] = FundOrder.objects.filter(
        Q(redemption_asked_at=None) | Q(redemption_asked_at__gte=F("matures_at")),
        started_at__isnull=False,
        rewarded_at=None,
        redeemed_at=None,
        matures_at__lte=until,
    )
    if after is not None:
        moment, number = after.split()
        end = datetime.fromisoformat(moment)
        due = due.filter(Q(matures_at__gt=end) | Q(matures_at=end, id__gt=int(number)))
    return list(due.order_by("matures_at", "id")[:BATCH])
