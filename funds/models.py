"""Funds: products with their periods, what clients bought, what the periods' ends paid, who topped the reserve up."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LONGEST_PERIOD = 120


class Product(models.Model):
    """A fund on sale. `early_fee_rate` is None where it cannot be redeemed before its period ends.

    That rate is at least what any of its periods may lose (a trigger, see migrations/terms.sql).
    """

    title = models.CharField(_("title"), max_length=60)
    unit_price = models.DecimalField(_("unit price"), max_digits=18, decimal_places=6)
    total_volume = models.IntegerField(_("total volume"))
    taken_volume = models.IntegerField(_("taken volume"), db_default=0)
    on_sale_from = models.DateTimeField(_("on sale from"), db_default=Now())
    on_sale_to = models.DateTimeField(_("on sale to"), null=True, blank=True)
    early_fee_rate = models.DecimalField(
        _("early redemption fee rate"),
        max_digits=8,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("A fraction of the principal. Empty: no redemption before the period ends."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("fund")
        verbose_name_plural = _("funds")
        constraints = [
            models.CheckConstraint(
                condition=Q(unit_price__gt=0),
                name="funds_product_unit_price",
                violation_error_message=_("The unit price is above 0."),
            ),
            models.CheckConstraint(
                condition=Q(taken_volume__gte=0, total_volume__gt=0) & Q(taken_volume__lte=F("total_volume")),
                name="funds_product_volume",
                violation_error_message=_("The total volume is above 0 and not below what is taken."),
            ),
            models.CheckConstraint(
                condition=Q(on_sale_to=None) | Q(on_sale_to__gt=F("on_sale_from")),
                name="funds_product_on_sale",
                violation_error_message=_("The sale ends after it begins."),
            ),
            models.CheckConstraint(
                condition=Q(early_fee_rate=None) | Q(early_fee_rate__gte=0, early_fee_rate__lte=1),
                name="funds_product_early_fee",
                violation_error_message=_("The early redemption fee rate is between 0 and 1."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def remain_volume(self) -> int:
        return self.total_volume - self.taken_volume


class Period(models.Model):
    """How long a purchase may run, and what the whole of it earns."""

    product = models.ForeignKey(Product, models.CASCADE, verbose_name=_("fund"), related_name="periods")
    months = models.SmallIntegerField(_("months"), validators=[MinValueValidator(1), MaxValueValidator(LONGEST_PERIOD)])
    profit = models.DecimalField(
        _("profit rate"),
        max_digits=8,
        decimal_places=4,
        help_text=_("Of the whole period: 0.05 is 5 %. May be negative."),
    )

    class Meta:
        verbose_name = _("period")
        verbose_name_plural = _("periods")
        ordering = ("months",)
        constraints = [
            models.UniqueConstraint(fields=["product", "months"], name="funds_period_once"),
            models.CheckConstraint(condition=Q(months__range=(1, LONGEST_PERIOD)), name="funds_period_months"),
            models.CheckConstraint(
                condition=Q(profit__gt=-1),
                name="funds_period_profit",
                violation_error_message=_("The profit rate is above -1."),
            ),
        ]

    def __str__(self) -> str:
        return str((_("%(months)s month") if self.months == 1 else _("%(months)s months")) % {"months": self.months})


class FundOrder(models.Model):
    """A purchase beside its payment order, which has its number, status and reason. Its terms are those of its
    pre-order.

    It holds volume while `taken`. Its period runs from `started_at` to `matures_at`; then it is `rewarded_at`, or, as
    long as the reserve is short, `waiting_since`. A redemption is asked for and carried out later, as it stood then.
    """

    payment = models.OneToOneField("payments.PaymentOrder", models.PROTECT, verbose_name=_("payment order"))
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+")
    product = models.ForeignKey(Product, models.PROTECT, verbose_name=_("fund"), related_name="+")
    months = models.SmallIntegerField(_("months"))
    profit = models.DecimalField(_("profit rate"), max_digits=8, decimal_places=4)
    early_fee_rate = models.DecimalField(_("early redemption fee rate"), max_digits=8, decimal_places=4, null=True)
    unit_price = models.DecimalField(_("unit price"), max_digits=18, decimal_places=6)
    volume = models.IntegerField(pgettext_lazy("fund", "volume"))
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    taken = models.BooleanField(_("volume taken"), db_default=False)
    started_at = models.DateTimeField(_("period from"), null=True)
    matures_at = models.DateTimeField(_("period to"), null=True)
    waiting_since = models.DateTimeField(_("waits for the reserve since"), null=True)
    rewarded_at = models.DateTimeField(_("rewarded at"), null=True)
    redemption_asked_at = models.DateTimeField(_("redemption asked for"), null=True)
    redeemed_at = models.DateTimeField(_("redeemed at"), null=True)
    redeemed_amount = models.DecimalField(_("redeemed amount"), max_digits=30, decimal_places=6, null=True)
    fee = models.DecimalField(_("fee"), max_digits=30, decimal_places=6, db_default=0)

    class Meta:
        verbose_name = _("fund order")
        verbose_name_plural = _("fund orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(volume__gt=0, amount=F("unit_price") * F("volume")), name="funds_order_amount"
            ),
            models.CheckConstraint(
                condition=Q(profit__gt=-1)
                & (Q(early_fee_rate=None) | Q(early_fee_rate__gte=0) & Q(early_fee_rate__gte=-F("profit"))),
                name="funds_order_terms",
            ),
            models.CheckConstraint(
                condition=Q(started_at=None, matures_at=None)
                | Q(started_at__isnull=False, matures_at__gt=F("started_at"), taken=True),
                name="funds_order_period",
            ),
            models.CheckConstraint(
                condition=Q(started_at=None, waiting_since=None, rewarded_at=None, redemption_asked_at=None)
                | Q(started_at__isnull=False),
                name="funds_order_started",
            ),
            models.CheckConstraint(
                condition=Q(waiting_since=None) | Q(rewarded_at=None), name="funds_order_waits_or_is_rewarded"
            ),
            models.CheckConstraint(
                condition=Q(redeemed_at=None, redeemed_amount=None, fee=0)
                | Q(redeemed_at__isnull=False, redeemed_amount__gte=0, fee__gte=0, redemption_asked_at__isnull=False),
                name="funds_order_redeemed",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "id"], name="funds_order_client"),
            # What a period's end still has to settle, what waits, what was asked for.
            models.Index(
                fields=["matures_at", "id"],
                name="funds_order_running",
                condition=Q(started_at__isnull=False, rewarded_at=None, redeemed_at=None),
            ),
            models.Index(fields=["matures_at"], name="funds_order_waiting", condition=Q(waiting_since__isnull=False)),
            models.Index(
                fields=["redemption_asked_at"],
                name="funds_order_redemption",
                condition=Q(redemption_asked_at__isnull=False, redeemed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return str(self.payment_id and self.payment.no)


class FundReward(models.Model):
    """What the end of an order's period paid; negative where it was taken from the principal."""

    order = models.OneToOneField(FundOrder, models.PROTECT, verbose_name=_("fund order"))
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+")
    product = models.ForeignKey(Product, models.PROTECT, verbose_name=_("fund"), related_name="+")
    amount = models.DecimalField(_("reward"), max_digits=30, decimal_places=6)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("fund reward")
        verbose_name_plural = _("fund rewards")

    def __str__(self) -> str:
        return f"{self.order_id}: {self.amount}"


class ReserveTopUp(models.Model):
    """Revenue that an operator moved to the fund reserve, and why. Transfers of the treasury are among the payments."""

    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    operator = models.CharField(_("operator"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("fund reserve top-up")
        verbose_name_plural = _("fund reserve top-ups")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0),
                name="funds_topup_amount",
                violation_error_message=_("The amount is above 0."),
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="funds_topup_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.operator}"
