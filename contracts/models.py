"""Orders, positions and what was executed."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contracts.rules import BUY, SELL, Stake, Terms

# What fails more often is parked: it stays as it is, and an operator may have it tried again.
MOST_ATTEMPTS = 5

DIRECTIONS = [(BUY, _("buy")), (SELL, _("sell"))]
DIRECTION_WORDS = {BUY: "buy", SELL: "sell"}
CLOSE_KINDS = [
    ("close", pgettext_lazy("position", "close")),
    ("liquidation", _("liquidation")),
    ("cap", _("largest profit")),
    ("stop_loss", _("stop-loss")),
    ("take_profit", _("take-profit")),
    ("pool_exit", _("a pledge leaves the pool")),
]


class ArrivalTime(models.Func):
    """The database's clock at the statement, which later ticks are compared with."""

    template = "clock_timestamp()"
    output_field = models.DateTimeField()


def _reference(to: str, name: Any) -> Any:
    """A foreign key whose look-ups have indexes of their own."""
    return models.ForeignKey(to, models.PROTECT, verbose_name=name, related_name="+", db_index=False)


class Order(models.Model):
    """A client's request to open or close, executed by the engine at a later tick."""

    class Kind(models.TextChoices):
        OPEN = "open", pgettext_lazy("position", "open")
        CLOSE = "close", pgettext_lazy("position", "close")

    class PriceType(models.TextChoices):
        MARKET = "market", _("market")
        LIMIT = "limit", _("limit")

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        FILLED = "filled", _("filled")
        CANCELLED = "cancelled", _("cancelled")
        REFUSED = "refused", _("refused")

    client = models.ForeignKey(
        "accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+", db_index=False
    )
    index = models.ForeignKey(
        "indexes.Index", models.PROTECT, verbose_name=_("index"), related_name="+", db_index=False
    )
    position = models.ForeignKey(
        "contracts.Position", models.PROTECT, verbose_name=_("position"), related_name="+", null=True, db_index=False
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    direction = models.SmallIntegerField(_("direction"), choices=DIRECTIONS)
    price_type = models.CharField(_("price type"), max_length=8, choices=PriceType.choices)
    price = models.DecimalField(_("price"), max_digits=20, decimal_places=4, null=True)
    lever = models.SmallIntegerField(_("lever"))
    volume = models.BigIntegerField(_("volume"))
    # A close without a volume takes what is there when it executes.
    whole = models.BooleanField(_("whole position"), db_default=False)
    filled_volume = models.BigIntegerField(_("filled volume"), db_default=0)
    fee = models.DecimalField(_("fee"), max_digits=30, decimal_places=6, db_default=0)
    hold = models.DecimalField(_("held"), max_digits=30, decimal_places=6, db_default=0)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, db_default="pending")
    reason = models.CharField(_("reason"), max_length=32, db_default="")
    fill_price = models.DecimalField(_("fill price"), max_digits=20, decimal_places=4, null=True)
    attempts = models.SmallIntegerField(_("failed attempts"), db_default=0)
    error = models.CharField(_("last failure"), max_length=200, db_default="")
    created_at = models.DateTimeField(_("time"), db_default=ArrivalTime())
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.CheckConstraint(condition=Q(volume__gt=0), name="contracts_order_volume"),
            models.CheckConstraint(condition=Q(filled_volume__in=[0, F("volume")]), name="contracts_order_whole"),
            models.CheckConstraint(
                condition=Q(status="pending") | Q(hold=0), name="contracts_order_holds_while_pending"
            ),
            models.CheckConstraint(condition=Q(hold__gte=0) & Q(fee__gte=0), name="contracts_order_positive"),
            models.CheckConstraint(
                condition=Q(kind="open", position__isnull=True)
                | Q(kind="close", position__isnull=False, hold=0)
                | Q(kind="open", status="filled"),
                name="contracts_order_close_has_position",
            ),
            models.CheckConstraint(
                condition=Q(price_type="limit", price__gt=0) | Q(price_type="market", price__isnull=True),
                name="contracts_order_price",
            ),
            models.UniqueConstraint(
                fields=["position"], condition=Q(kind="close", status="pending"), name="contracts_order_one_close"
            ),
        ]
        indexes = [
            models.Index(fields=["client", "-id"], name="contracts_order_client"),
            models.Index(fields=["client", "-id"], condition=Q(status="pending"), name="contracts_order_pending"),
            # What a tick finds: waiting closes and market orders, and the limit orders it reaches.
            models.Index(
                fields=["index", "id"],
                condition=Q(status="pending", price_type="market"),
                name="contracts_order_waiting",
            ),
            models.Index(
                fields=["index", "direction", "price"],
                condition=Q(status="pending", price_type="limit"),
                name="contracts_order_limit",
            ),
            models.Index(
                fields=["client", "-finished_at"],
                condition=Q(finished_at__isnull=False),
                name="contracts_order_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}"


class Position(models.Model):
    """Open contracts of one client in one index and direction, under the terms of its opening."""

    class Mark(models.TextChoices):
        NONE = "", _("none")
        LIQUIDATION = "liquidation", _("liquidation")
        CAP = "cap", _("largest profit")
        STOP_LOSS = "stop_loss", _("stop-loss")
        TAKE_PROFIT = "take_profit", _("take-profit")

    client = models.ForeignKey(
        "accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+", db_index=False
    )
    index = models.ForeignKey(
        "indexes.Index", models.PROTECT, verbose_name=_("index"), related_name="+", db_index=False
    )
    direction = models.SmallIntegerField(_("direction"), choices=DIRECTIONS)
    volume = models.BigIntegerField(_("volume"))
    notional = models.DecimalField(_("open notional"), max_digits=30, decimal_places=6)
    margin = models.DecimalField(_("margin"), max_digits=30, decimal_places=6)
    lever = models.SmallIntegerField(_("lever"))
    fee_rate = models.DecimalField(_("fee rate"), max_digits=10, decimal_places=8)
    mmr = models.DecimalField(_("maintenance margin rate"), max_digits=10, decimal_places=8)
    liquidation_fee_rate = models.DecimalField(_("liquidation fee rate"), max_digits=10, decimal_places=8)
    max_profit_rate = models.DecimalField(_("largest profit, in margins"), max_digits=8, decimal_places=4)
    contract_size = models.DecimalField(_("contract size"), max_digits=10, decimal_places=2)
    spread = models.DecimalField(_("spread"), max_digits=10, decimal_places=8)
    liquidation_price = models.DecimalField(_("liquidation price"), max_digits=20, decimal_places=4)
    cap_price = models.DecimalField(_("cap price"), max_digits=20, decimal_places=4)
    # The client's own triggers, judged by ticks whose prices were fetched after `protected_at`.
    take_profit = models.DecimalField(_("take-profit"), max_digits=20, decimal_places=4, null=True)
    stop_loss = models.DecimalField(_("stop-loss"), max_digits=20, decimal_places=4, null=True)
    protected_at = models.DateTimeField(_("protected at"), null=True)
    # The prices at or below and at or above which a tick has something to decide; the database finds by them.
    lower_trigger = models.DecimalField(_("lower trigger"), max_digits=20, decimal_places=4)
    upper_trigger = models.DecimalField(_("upper trigger"), max_digits=20, decimal_places=4)
    mark = models.CharField(_("mark"), max_length=12, choices=Mark.choices, db_default="")
    mark_price = models.DecimalField(_("mark price"), max_digits=20, decimal_places=4, null=True)
    mark_result = models.DecimalField(_("result at the mark"), max_digits=30, decimal_places=6, null=True)
    marked_at = models.DateTimeField(_("marked at"), null=True)
    # What was opened and closed in all its fills, and what came of it.
    opened_volume = models.BigIntegerField(_("contracts opened"), db_default=0)
    opened_notional = models.DecimalField(_("notional opened"), max_digits=30, decimal_places=6, db_default=0)
    closed_notional = models.DecimalField(_("notional closed"), max_digits=30, decimal_places=6, db_default=0)
    profit = models.DecimalField(_("realised profit"), max_digits=30, decimal_places=6, db_default=0)
    fees = models.DecimalField(_("fees"), max_digits=30, decimal_places=6, db_default=0)
    close_kind = models.CharField(_("closed by"), max_length=12, choices=CLOSE_KINDS, db_default="")
    reduced_at = models.DateTimeField(_("last close"), null=True)
    attempts = models.SmallIntegerField(_("failed attempts"), db_default=0)
    error = models.CharField(_("last failure"), max_length=200, db_default="")
    opened_at = models.DateTimeField(_("opened at"), db_default=ArrivalTime())
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        constraints = [
            models.UniqueConstraint(
                fields=["client", "index", "direction"],
                condition=Q(closed_at__isnull=True),
                name="contracts_position_one_open",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, volume__gt=0, notional__gt=0, margin__gt=0)
                | Q(closed_at__isnull=False, volume=0, notional=0, margin=0),
                name="contracts_position_open_or_closed",
            ),
            models.CheckConstraint(
                condition=Q(mark="", mark_price__isnull=True, mark_result__isnull=True)
                | (~Q(mark="") & Q(mark_price__isnull=False, mark_result__isnull=False)),
                name="contracts_position_mark_has_price",
            ),
            models.CheckConstraint(
                condition=Q(take_profit__isnull=True, stop_loss__isnull=True)
                | Q(protected_at__isnull=False)
                & (Q(take_profit__isnull=True) | Q(take_profit__gt=0))
                & (Q(stop_loss__isnull=True) | Q(stop_loss__gt=0)),
                name="contracts_position_protected",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "-id"], name="contracts_position_client"),
            models.Index(
                fields=["index", "lower_trigger"],
                condition=Q(closed_at__isnull=True, mark=""),
                name="contracts_position_lower",
            ),
            models.Index(
                fields=["index", "upper_trigger"],
                condition=Q(closed_at__isnull=True, mark=""),
                name="contracts_position_upper",
            ),
            models.Index(fields=["client", "-id"], condition=Q(closed_at__isnull=True), name="contracts_position_open"),
            models.Index(
                fields=["id"], condition=Q(closed_at__isnull=True) & ~Q(mark=""), name="contracts_position_marked"
            ),
            models.Index(
                fields=["client", "-reduced_at", "-id"],
                condition=Q(reduced_at__isnull=False),
                name="contracts_position_history",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}"

    @property
    def stake(self) -> Stake:
        return Stake(self.volume, self.notional, self.margin)

    @property
    def terms(self) -> Terms:
        return terms_of(self)


class Fill(models.Model):
    """One execution: an open, or a close of a part or the whole, with everything it moved."""

    KINDS = [("open", pgettext_lazy("position", "open")), *CLOSE_KINDS]

    order = models.OneToOneField(Order, models.PROTECT, verbose_name=_("order"), related_name="fill", null=True)
    position = models.ForeignKey(Position, models.PROTECT, verbose_name=_("position"), related_name="fills")
    client = models.ForeignKey(
        "accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+", db_index=False
    )
    index = models.ForeignKey(
        "indexes.Index", models.PROTECT, verbose_name=_("index"), related_name="+", db_index=False
    )
    direction = models.SmallIntegerField(_("direction"), choices=DIRECTIONS)
    kind = models.CharField(_("kind"), max_length=12, choices=KINDS)
    volume = models.BigIntegerField(_("volume"))
    tick = models.DecimalField(_("tick"), max_digits=20, decimal_places=4)
    price = models.DecimalField(_("fill price"), max_digits=20, decimal_places=4)
    notional = models.DecimalField(_("notional"), max_digits=30, decimal_places=6)
    fee = models.DecimalField(_("fee"), max_digits=30, decimal_places=6)
    liquidation_fee = models.DecimalField(_("liquidation fee"), max_digits=30, decimal_places=6)
    profit = models.DecimalField(_("profit"), max_digits=30, decimal_places=6)
    created_at = models.DateTimeField(_("time"), db_default=ArrivalTime())

    class Meta:
        verbose_name = _("fill")
        verbose_name_plural = _("fills")
        indexes = [models.Index(fields=["client", "-id"], name="contracts_fill_client")]
        constraints = [
            # What the system closes it closes once, whatever crashes between.
            models.UniqueConstraint(
                fields=["position"],
                condition=~Q(kind__in=["open", "close"]),
                name="contracts_fill_mark_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}"


class DayVolume(models.Model):
    """Contracts filled in an index on a day in Asia/Shanghai, opens and closes alike."""

    index = models.ForeignKey("indexes.Index", models.PROTECT, verbose_name=_("index"), related_name="+")
    day = models.DateField(_("day"))
    volume = models.BigIntegerField(_("volume"))

    class Meta:
        verbose_name = _("day's volume")
        verbose_name_plural = _("days' volumes")
        constraints = [models.UniqueConstraint(fields=["index", "day"], name="contracts_dayvolume_once")]

    def __str__(self) -> str:
        return f"{self.index_id} {self.day}"


def terms_of(row: object) -> Terms:
    """The terms that an index offers, or that a position keeps: both name their fields alike."""
    return Terms(**{name: getattr(row, name) for name in Terms.__slots__})
