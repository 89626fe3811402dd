"""The market pool: what it owes, what is reserved for winners, and who owns it."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Pool(models.Model):
    """The one row that every change of exposure locks last. Its equity stands in the ledger (see queries)."""

    id = models.SmallIntegerField(primary_key=True, db_default=1)
    reserved = models.DecimalField(_("reserved"), max_digits=30, decimal_places=6, db_default=0)
    units = models.DecimalField(_("units"), max_digits=38, decimal_places=18, db_default=0)
    units_leaving = models.DecimalField(_("units leaving"), max_digits=38, decimal_places=18, db_default=0)
    marked_result = models.DecimalField(_("result of marked positions"), max_digits=30, decimal_places=6, db_default=0)
    marked = models.IntegerField(_("marked positions"), db_default=0)
    unit_epoch = models.IntegerField(_("unit epoch"), db_default=1)

    class Meta:
        verbose_name = _("market pool")
        verbose_name_plural = _("market pool")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="market_making_pool_single"),
            models.CheckConstraint(condition=Q(reserved__gte=0) & Q(marked__gte=0), name="market_making_pool_reserved"),
            models.CheckConstraint(
                condition=Q(units_leaving__gte=0) & Q(units_leaving__lte=F("units")), name="market_making_pool_units"
            ),
        ]

    def __str__(self) -> str:
        return str(_("market pool"))


class Exposure(models.Model):
    """Running sums of the open positions of one index in one direction.

    A marked position has left `quantity` and `notional`; its `bound` and `volume` stay until it executes.
    """

    index = models.ForeignKey("indexes.Index", models.PROTECT, verbose_name=_("index"), related_name="+")
    direction = models.SmallIntegerField(_("direction"), choices=[(1, _("buy")), (-1, _("sell"))])
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=2, db_default=0)
    notional = models.DecimalField(_("notional"), max_digits=30, decimal_places=6, db_default=0)
    bound = models.DecimalField(_("largest payable profit"), max_digits=30, decimal_places=6, db_default=0)
    volume = models.BigIntegerField(_("open interest (contracts)"), db_default=0)

    class Meta:
        verbose_name = _("exposure")
        verbose_name_plural = _("exposures")
        constraints = [
            models.UniqueConstraint(fields=["index", "direction"], name="market_making_exposure_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=0) & Q(notional__gte=0) & Q(bound__gte=0) & Q(volume__gte=0),
                name="market_making_exposure_positive",
            ),
            models.CheckConstraint(condition=Q(direction__in=[1, -1]), name="market_making_exposure_direction"),
        ]

    def __str__(self) -> str:
        return f"{self.index_id} {self.get_direction_display()}"


class Pledges(models.QuerySet["Pledge"]):
    def live(self) -> "Pledges":
        """Pledges of which anything is left."""
        return self.filter(ended_at__isnull=True)


class Pledge(models.Model):
    """A payment into the pool: its principal and units, as the last settlement left them, and all it brought so far.

    `cancelled_at` is its owner's request, for good; `counted` says that the pool's `units_leaving` has its units;
    `leaves` that settlements pay it out (its day was over), `unpaid_since` when the first of them could not in full;
    `ended_at` that nothing is left of it.
    """

    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+")
    no = models.CharField(_("order number"), max_length=24, unique=True)
    principal = models.DecimalField(_("principal"), max_digits=30, decimal_places=6)
    units = models.DecimalField(_("units"), max_digits=38, decimal_places=18)
    joined_at = models.DateTimeField(_("joined at"), db_default=Now())
    paid_in = models.DecimalField(_("paid in"), max_digits=30, decimal_places=6)
    income = models.DecimalField(_("income so far"), max_digits=30, decimal_places=6, db_default=0)
    loss = models.DecimalField(_("loss so far"), max_digits=30, decimal_places=6, db_default=0)
    returned = models.DecimalField(_("principal returned"), max_digits=30, decimal_places=6, db_default=0)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)
    counted = models.BooleanField(_("counted as leaving"), db_default=False)
    leaves = models.BooleanField(_("leaves"), db_default=False)
    unpaid_since = models.DateTimeField(_("unpaid since"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = Pledges.as_manager()

    class Meta:
        verbose_name = _("pledge")
        verbose_name_plural = _("pledges")
        constraints = [
            models.CheckConstraint(
                condition=Q(principal__gte=0) & Q(units__gte=0), name="market_making_pledge_positive"
            ),
            models.CheckConstraint(
                condition=Q(paid_in=F("principal") + F("loss") + F("returned"), income__gte=0, loss__gte=0)
                & Q(returned__gte=0),
                name="market_making_pledge_sum",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at__isnull=False)
                | Q(counted=False, leaves=False, returned=0, unpaid_since__isnull=True),
                name="market_making_pledge_leaving",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(principal=0, units=0), name="market_making_pledge_ended"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], name="market_making_pledge_live", condition=Q(units__gt=0) | Q(principal__gt=0)
            ),
            models.Index(
                fields=["id"],
                name="market_making_pledge_uncounted",
                condition=Q(cancelled_at__isnull=False, counted=False),
            ),
            models.Index(
                fields=["unpaid_since"],
                name="market_making_pledge_unpaid",
                condition=Q(unpaid_since__isnull=False, ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.no


class Settlement(models.Model):
    """A day's settlement: the figures that its first transaction fixed, and how far its batches are.

    E equity, R reserved, U the traders' unrealised profit at `prices`, K all units, T what the pledges could have
    been paid, `due` what they are paid (of H = E − R), `units_after` and `leaving_after` the units afterwards.
    Pledges up to `last` took part; those up to `cursor` are carried out.
    """

    day = models.DateField(_("accounting day"), unique=True)
    fixed_at = models.DateTimeField(_("figures fixed at"), db_default=Now())
    prices = models.JSONField(_("prices"), default=dict)
    equity = models.DecimalField(_("equity"), max_digits=30, decimal_places=6)
    reserved = models.DecimalField(_("reserved"), max_digits=30, decimal_places=6)
    profit = models.DecimalField(_("unrealised profit"), max_digits=30, decimal_places=6)
    units = models.DecimalField(_("units"), max_digits=38, decimal_places=18)
    demand = models.DecimalField(_("demand"), max_digits=30, decimal_places=6)
    due = models.DecimalField(_("paid out"), max_digits=30, decimal_places=6)
    units_after = models.DecimalField(_("units afterwards"), max_digits=38, decimal_places=18)
    leaving_after = models.DecimalField(_("units leaving afterwards"), max_digits=38, decimal_places=18)
    unit_epoch = models.IntegerField(_("unit epoch"), unique=True)
    last = models.BigIntegerField(_("last pledge"))
    cursor = models.BigIntegerField(_("carried out up to pledge"), db_default=0)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        constraints = [
            models.CheckConstraint(
                condition=Q(equity__gte=F("reserved") + F("due"))
                & Q(equity__gte=F("profit"))
                & Q(reserved__gte=0)
                & Q(units__gte=0)
                & Q(due__gte=0)
                & Q(demand__gte=F("due")),
                name="market_making_settlement_covered",
            ),
            models.UniqueConstraint(
                models.Value(1), condition=Q(finished_at__isnull=True), name="market_making_settlement_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return str(self.day)


class PledgeResult(models.Model):
    """What a settlement brought a pledge: income, or loss, and principal returned. None where all are zero."""

    settlement = models.ForeignKey(
        Settlement, models.PROTECT, verbose_name=_("settlement"), db_index=False, db_constraint=False
    )
    pledge = models.ForeignKey(
        Pledge, models.PROTECT, verbose_name=_("pledge"), related_name="+", db_index=False, db_constraint=False
    )
    client = models.ForeignKey(
        "accounts.Client",
        models.PROTECT,
        verbose_name=_("client"),
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    income = models.DecimalField(_("income"), max_digits=30, decimal_places=6)
    loss = models.DecimalField(_("loss"), max_digits=30, decimal_places=6)
    returned = models.DecimalField(_("principal returned"), max_digits=30, decimal_places=6)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("pledge result")
        verbose_name_plural = _("pledge results")
        constraints = [
            models.UniqueConstraint(fields=["pledge", "settlement"], name="market_making_result_once"),
            models.CheckConstraint(
                condition=Q(income__gte=0, loss__gte=0, returned__gte=0) & (Q(income=0) | Q(loss=0)),
                name="market_making_result_amounts",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "id"], name="market_making_result_income", condition=Q(income__gt=0)),
            models.Index(fields=["client", "id"], name="market_making_result_loss", condition=Q(loss__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.settlement_id} {self.pledge_id}"
