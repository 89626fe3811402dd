"""Indexes, their baskets, and what the engine keeps of them: ticks, candles, who leads."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import ExpressionWrapper, F, Q
from django.db.models.functions import Now
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from indexes.rules import INTERVAL_NAMES

DEFAULT_SHARD = "main"


class Index(models.Model):
    """An index and the terms of the contract on it.

    Every index is ticked as long as it has a basket; `enabled` says whether clients see it and may open positions.
    """

    title = models.CharField(_("title"), max_length=64)
    sub_title = models.CharField(_("subtitle"), max_length=64, blank=True)
    code = models.CharField(
        _("code"),
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"\A[a-z0-9]+\Z", _("Lower-case letters and digits only."))],
        help_text=_("Names the socket channels: index.kline.CODE."),
    )
    decimals = models.PositiveSmallIntegerField(_("decimals"), default=4)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.IntegerField(_("position in lists"), default=0)
    shard = models.CharField(
        _("engine"), max_length=32, default=DEFAULT_SHARD, help_text=_("Which engine ticks it: engine --shard.")
    )

    lever = models.PositiveSmallIntegerField(_("lever"), default=20)
    fee_rate = models.DecimalField(_("fee rate"), max_digits=10, decimal_places=8, default=Decimal("0.0005"))
    mmr = models.DecimalField(_("maintenance margin rate"), max_digits=10, decimal_places=8, default=Decimal("0.005"))
    liquidation_fee_rate = models.DecimalField(
        _("liquidation fee rate"), max_digits=10, decimal_places=8, default=Decimal("0.0025")
    )
    max_profit_rate = models.DecimalField(
        _("largest profit, in margins"), max_digits=8, decimal_places=4, default=Decimal(9)
    )
    contract_size = models.DecimalField(_("contract size"), max_digits=10, decimal_places=2, default=Decimal("0.01"))
    spread = models.DecimalField(_("spread"), max_digits=10, decimal_places=8, default=Decimal("0.0004"))

    max_order_volume = models.PositiveBigIntegerField(_("largest order, contracts"), default=10_000)
    max_position_volume = models.PositiveBigIntegerField(_("largest position, contracts"), default=100_000)
    max_open_interest = models.DecimalField(
        _("largest open interest a direction, USDT"), max_digits=30, decimal_places=6, default=Decimal(1_000_000)
    )

    class Meta:
        verbose_name = _("index")
        verbose_name_plural = _("indexes")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=r"^[a-z0-9]+$"),
                name="indexes_index_code",
                violation_error_message=_("The code is made of lower-case letters and digits."),
            ),
            models.CheckConstraint(
                condition=Q(decimals__range=(0, 4)),
                name="indexes_index_decimals",
                violation_error_message=_("Prices have 0 to 4 decimals."),
            ),
            models.CheckConstraint(
                condition=Q(lever__range=(1, 100)),
                name="indexes_index_lever",
                violation_error_message=_("The lever is 1 to 100."),
            ),
            models.CheckConstraint(
                condition=Q(fee_rate__gte=0, fee_rate__lte=Decimal("0.01")),
                name="indexes_index_fee_rate",
                violation_error_message=_("The fee rate is 0 to 0.01."),
            ),
            models.CheckConstraint(
                condition=Q(mmr__gt=0),
                name="indexes_index_mmr",
                violation_error_message=_("The maintenance margin rate is above 0."),
            ),
            models.CheckConstraint(
                condition=Q(liquidation_fee_rate__gte=0, liquidation_fee_rate__lte=F("mmr")),
                name="indexes_index_liquidation_fee_rate",
                violation_error_message=_(
                    "The liquidation fee rate is 0 or more and at most the maintenance margin rate."
                ),
            ),
            models.CheckConstraint(
                condition=Q(max_profit_rate__gte=1, max_profit_rate__lte=10),
                name="indexes_index_max_profit_rate",
                violation_error_message=_("The largest profit is 1 to 10 margins."),
            ),
            models.CheckConstraint(
                condition=Q(contract_size__gt=0),
                name="indexes_index_contract_size",
                violation_error_message=_("The contract size is above 0."),
            ),
            models.CheckConstraint(
                condition=Q(spread__gte=0),
                name="indexes_index_spread",
                violation_error_message=_("The spread is 0 or more."),
            ),
            # What is left of a margin when a position is liquidated must pay for closing it.
            models.CheckConstraint(
                condition=LessThanOrEqual(
                    ExpressionWrapper(F("lever") * 2 * (F("mmr") + F("fee_rate") + F("spread")), models.DecimalField()),
                    Decimal(1),
                ),
                name="indexes_index_room_to_liquidate",
                violation_error_message=_(
                    "Twice the sum of maintenance margin rate, fee rate and spread is at most 1 / lever."
                ),
            ),
            models.CheckConstraint(
                condition=Q(
                    max_order_volume__gte=1,
                    max_position_volume__gte=F("max_order_volume"),
                    max_open_interest__gte=0,
                ),
                name="indexes_index_limits",
                violation_error_message=_(
                    "An order is 1 contract or more, a position at least as large as an order, "
                    "and the open interest not below 0."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Basket(models.Model):
    """What an index is made of from a time on: Σ weight × price / divisor.

    A later version has no divisor until it takes effect: the engine then finds the one that keeps the index
    continuous.
    """

    index = models.ForeignKey(Index, models.PROTECT, related_name="baskets", db_index=False, verbose_name=_("index"))
    version = models.PositiveIntegerField(_("version"))
    effective_at = models.DateTimeField(_("takes effect"))
    divisor = models.DecimalField(_("divisor"), max_digits=60, decimal_places=40, null=True, blank=True)

    class Meta:
        verbose_name = _("basket")
        verbose_name_plural = _("baskets")
        ordering = ["index", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["index", "version"], name="indexes_basket_version"),
            models.CheckConstraint(
                condition=Q(divisor__isnull=False, divisor__gt=0) | Q(divisor__isnull=True, version__gt=1),
                name="indexes_basket_divisor",
                violation_error_message=_("A divisor is above 0, and the first basket has one."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.index} {self.version}"


class Constituent(models.Model):
    """One symbol of a basket, and the venues that price it."""

    basket = models.ForeignKey(
        Basket, models.CASCADE, verbose_name=_("basket"), related_name="constituents", db_index=False
    )
    symbol = models.CharField(_("symbol"), max_length=32)
    weight = models.DecimalField(_("weight"), max_digits=30, decimal_places=12)
    venues = ArrayField(models.CharField(max_length=32), verbose_name=_("venues"))
    allow_single_venue = models.BooleanField(
        _("one venue is enough"), default=False, help_text=_("Else a price needs two venues that agree.")
    )

    class Meta:
        verbose_name = _("constituent")
        verbose_name_plural = _("constituents")
        ordering = ["basket", "symbol"]
        constraints = [
            models.UniqueConstraint(fields=["basket", "symbol"], name="indexes_constituent_once"),
            models.CheckConstraint(
                condition=Q(weight__gt=0),
                name="indexes_constituent_weight",
                violation_error_message=_("The weight is above 0."),
            ),
            models.CheckConstraint(
                condition=Q(venues__len__gte=1),
                name="indexes_constituent_venues",
                violation_error_message=_("A constituent needs a venue."),
            ),
        ]

    def __str__(self) -> str:
        return self.symbol


class IndexState(models.Model):
    """The newest of an index; a trigger makes the row with the index. `seen_at` is the last second that the engine
    looked at it, `ticked_at` the last one with a price, both unix seconds."""

    index = models.OneToOneField(Index, models.CASCADE, primary_key=True, related_name="state", verbose_name=_("index"))
    last_price = models.DecimalField(_("last price"), max_digits=20, decimal_places=4, null=True)
    ticked_at = models.BigIntegerField(_("last tick"), null=True)
    fetched_since = models.DateTimeField(_("prices fetched since"), null=True)
    seen_at = models.BigIntegerField(_("last seen"), null=True)
    stale = models.BooleanField(_("stale"), db_default=True)
    stale_reason = models.CharField(_("why stale"), max_length=80, db_default="no_tick")
    simulated = models.BooleanField(_("simulated"), db_default=False)
    jump_price = models.DecimalField(_("jump that waits"), max_digits=20, decimal_places=4, null=True)
    jump_confirmed = models.PositiveSmallIntegerField(_("ticks that confirm it"), db_default=0)
    inputs = models.JSONField(
        _("inputs"), null=True, help_text=_("Of the last seen second, as a tick's; only while the index is stale.")
    )

    class Meta:
        verbose_name = _("index state")
        verbose_name_plural = _("index states")

    def __str__(self) -> str:
        return str(self.index)


class Tick(models.Model):
    """A price of an index at a whole second. All its inputs were fetched after `fetched_since`."""

    # The database does not look the index up again for each of a hundred ticks a second.
    index = models.ForeignKey(
        Index, models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("index")
    )
    at = models.DateTimeField(_("time"))
    price = models.DecimalField(_("price"), max_digits=20, decimal_places=4)
    fetched_since = models.DateTimeField(_("prices fetched since"))
    inputs = models.JSONField(
        _("inputs"),
        help_text=_(
            "Basket, and for each symbol its price, the venues' quotes (price and time of the fetch), which of them "
            "were clamped, and those left out with the reason."
        ),
    )
    simulated = models.BooleanField(_("simulated"))
    epoch = models.BigIntegerField(_("epoch"))

    class Meta:
        verbose_name = _("tick")
        verbose_name_plural = _("ticks")
        constraints = [models.UniqueConstraint(fields=["index", "at"], name="indexes_tick_once")]

    def __str__(self) -> str:
        return f"{self.index_id} {self.at:%Y-%m-%d %H:%M:%S}"


class Candle(models.Model):
    """Open, high, low, close of an interval that began at `start` (unix seconds)."""

    index = models.ForeignKey(Index, models.PROTECT, related_name="+", db_index=False, verbose_name=_("index"))
    interval = models.SmallIntegerField(_("interval"), choices=list(INTERVAL_NAMES.items()))
    start = models.BigIntegerField(_("start"))
    open = models.DecimalField(_("open"), max_digits=20, decimal_places=4)
    high = models.DecimalField(_("high"), max_digits=20, decimal_places=4)
    low = models.DecimalField(_("low"), max_digits=20, decimal_places=4)
    close = models.DecimalField(_("close"), max_digits=20, decimal_places=4)

    class Meta:
        verbose_name = _("candle")
        verbose_name_plural = _("candles")
        constraints = [models.UniqueConstraint(fields=["index", "interval", "start"], name="indexes_candle_once")]

    def __str__(self) -> str:
        return f"{self.index_id} {self.get_interval_display()} {self.start}"


class CandleGap(models.Model):
    """Silent minutes [start, end) whose flat candles are still to be filled in, at the price before them."""

    index = models.ForeignKey(Index, models.PROTECT, related_name="+", verbose_name=_("index"))
    start = models.BigIntegerField(_("from"))
    end = models.BigIntegerField(_("to"))
    price = models.DecimalField(_("price"), max_digits=20, decimal_places=4)

    class Meta:
        verbose_name = _("candle gap")
        verbose_name_plural = _("candle gaps")

    def __str__(self) -> str:
        return f"{self.index_id} {self.start} {self.end}"


class Leadership(models.Model):
    """Which engine leads a shard. Each new leader takes the next epoch; the database refuses what an older one
    writes (migrations/engine.sql).

    Once a second the leader reports: the last second it ticked (unix), how long its phases took, and what it counts;
    `skipped` are seconds that nobody ticked, between the first one and the last.
    """

    shard = models.CharField(_("engine"), max_length=32, primary_key=True)
    epoch = models.BigIntegerField(_("epoch"), db_default=0)
    holder = models.CharField(_("holder"), max_length=120, db_default="")
    backend = models.IntegerField(_("database process"), db_default=0)
    heartbeat_at = models.DateTimeField(_("heartbeat"), db_default=Now())
    ticked_at = models.BigIntegerField(_("last second"), null=True)
    skipped = models.BigIntegerField(_("seconds skipped"), db_default=0)
    read_seconds = models.FloatField(_("reading venues, s"), db_default=0.0)
    decide_seconds = models.FloatField(_("deciding, s"), db_default=0.0)
    push_seconds = models.FloatField(_("pushing, s"), db_default=0.0)
    execute_seconds = models.FloatField(_("executing, s"), db_default=0.0)
    executions = models.BigIntegerField(_("executions"), db_default=0)
    failures = models.BigIntegerField(_("failed executions"), db_default=0)

    class Meta:
        verbose_name = _("leadership")
        verbose_name_plural = _("leaderships")

    def __str__(self) -> str:
        return self.shard
