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


class Pledge(models.Model):
    """A payment into the pool: its principal and the units it bought."""

    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), related_name="+")
    no = models.CharField(_("order number"), max_length=24, unique=True)
    principal = models.DecimalField(_("principal"), max_digits=30, decimal_places=6)
    units = models.DecimalField(_("units"), max_digits=38, decimal_places=18)
    joined_at = models.DateTimeField(_("joined at"), db_default=Now())

    class Meta:
        verbose_name = _("pledge")
        verbose_name_plural = _("pledges")
        constraints = [
            models.CheckConstraint(
                condition=Q(principal__gte=0) & Q(units__gte=0), name="market_making_pledge_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.no
