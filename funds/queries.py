"""What reads funds: products on sale, a client's orders and rewards, and the checks of the books."""

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from common import sql
from common.money import ZERO
from common.reconciliation import Difference, compare
from funds.models import FundOrder, FundReward, Period, Product
from ledger.accounts import ClientAccount, PlatformAccount
from ledger.queries import balance, totals_by_client


def on_sale() -> QuerySet[Product]:
    """Products that are sold now, with their periods, shortest first; the newest product first."""
    now = sql.database_time()
    begun = Product.objects.filter(Q(on_sale_to=None) | Q(on_sale_to__gt=now), on_sale_from__lte=now)
    offered = begun.filter(Exists(Period.objects.filter(product=OuterRef("pk"))))
    return offered.prefetch_related("periods").order_by("-id")


def purchases(client_id: int) -> QuerySet[FundOrder]:
    """A client's fund orders with payment and product, newest first."""
    return FundOrder.objects.filter(client_id=client_id).select_related("payment", "product").order_by("-id")


def redemptions(client_id: int) -> QuerySet[FundOrder]:
    """A client's redeemed orders, the one redeemed last first."""
    return purchases(client_id).filter(redeemed_at__isnull=False).order_by("-redeemed_at", "-id")


def rewards(client_id: int) -> QuerySet[FundReward]:
    """A client's rewards and losses with their product, newest first."""
    return FundReward.objects.filter(client_id=client_id).select_related("product").order_by("-id")


def income(client_id: int) -> Decimal:
    """`my.fund_income`: all rewards less all losses."""
    found = FundReward.objects.filter(client_id=client_id).aggregate(total=Sum("amount"))["total"]
    return ZERO if found is None else Decimal(found)


def reserve() -> Decimal:
    """What is there to pay rewards."""
    return balance(PlatformAccount.FUND_RESERVE)


def revenue() -> Decimal:
    """What the reserve may be topped up from."""
    return balance(PlatformAccount.FEE_REVENUE)


def differences() -> Iterator[Difference]:
    """Principal and rewards against the ledger, volumes against the orders, orders against their payments."""
    owed = dict(
        sql.rows(
            """
            SELECT o.client_id, sum(o.amount + least(0, coalesce(r.amount, 0)))
            FROM funds_fundorder AS o LEFT JOIN funds_fundreward AS r ON r.order_id = o.id
            WHERE o.started_at IS NOT NULL AND o.redeemed_at IS NULL
            GROUP BY o.client_id
            """
        )
    )
    held = totals_by_client(ClientAccount.FUND_PRINCIPAL)
    for client in sorted(owed.keys() | held.keys()):
        yield from compare("funds", f"principal of client {client}", owed.get(client, ZERO), held.get(client, ZERO))
    taken = sql.rows(
        """
        SELECT p.title, p.taken_volume, coalesce(sum(o.volume), 0)
        FROM funds_product AS p LEFT JOIN funds_fundorder AS o ON o.product_id = p.id AND o.taken
        GROUP BY p.id HAVING p.taken_volume <> coalesce(sum(o.volume), 0)
        """
    )
    for title, volume, ordered in taken:
        yield from compare("funds", f"volume taken of {title}", ordered, volume)
    unequal = sql.rows(
        """
        SELECT coalesce(r.order_id::text, t.reference), coalesce(r.amount, 0), coalesce(t.amount, 0)
        FROM (SELECT order_id, amount FROM funds_fundreward WHERE amount <> 0) AS r
        FULL JOIN (
            SELECT reference, CASE kind WHEN 'fund_reward' THEN amount ELSE -amount END AS amount
            FROM ledger_transfer WHERE kind IN ('fund_reward', 'fund_loss')
        ) AS t ON t.reference = 'fund_order:' || r.order_id
        WHERE r.amount IS DISTINCT FROM t.amount
        """
    )
    for order, rewarded, posted in unequal:
        yield from compare("funds", f"reward of order {order}", rewarded, posted)
    stray = sql.rows(
        """
        SELECT coalesce(p.no, '-') FROM payments_paymentorder AS p
        LEFT JOIN funds_fundorder AS o ON o.payment_id = p.id
        WHERE p.purpose = 'JZGM' AND (
            o.id IS NULL OR o.amount <> p.amount OR o.client_id <> p.client_id
            OR (p.status = 2) IS DISTINCT FROM (o.started_at IS NOT NULL)
        )
        """
    )
    for (no,) in stray:
        yield Difference("funds", f"order {no} does not agree with its payment")
