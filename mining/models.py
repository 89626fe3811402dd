"""Mining: who mines, and what each day's settlement shared."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Miner(models.Model):
    """A client who started mining. It is open until `open_until` (None: until stopped), unless it was stopped."""

    client = models.OneToOneField(
        "accounts.Client", models.PROTECT, verbose_name=_("client"), primary_key=True, related_name="+"
    )
    opened_at = models.DateTimeField(_("opened"), db_default=Now())
    open_until = models.DateTimeField(_("open until"), null=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True)

    class Meta:
        verbose_name = _("miner")
        verbose_name_plural = _("miners")

    def __str__(self) -> str:
        return str(self.client_id)


class PowerRun(models.Model):
    """A day's settlement, fixed in its first step: the pot and all power, by the weights and hours of that moment."""

    day = models.DateField(_("accounting day"), unique=True)
    moment = models.DateTimeField(_("moment"), db_default=Now())
    rate = models.SmallIntegerField(_("rate (%)"))
    hours = models.IntegerField(_("holding time (hours)"))
    pledge_weight = models.DecimalField(_("weight of pledges"), max_digits=12, decimal_places=6)
    fund_weight = models.DecimalField(_("weight of fund principal"), max_digits=12, decimal_places=6)
    incentive_pool = models.DecimalField(_("incentive pool"), max_digits=30, decimal_places=6)
    pot = models.DecimalField(_("shared"), max_digits=30, decimal_places=6)
    total_power = models.DecimalField(_("all power"), max_digits=36, decimal_places=6, db_default=0)

    class Meta:
        verbose_name = _("power settlement")
        verbose_name_plural = _("power settlements")
        constraints = [
            models.CheckConstraint(condition=Q(pot__gte=0) & Q(pot__lte=F("incentive_pool")), name="mining_run_pot"),
            models.CheckConstraint(condition=Q(rate__range=(0, 100)), name="mining_run_rate"),
        ]

    def __str__(self) -> str:
        return str(self.day)


class PowerReward(models.Model):
    """A miner's part of a day; due until it is paid."""

    run = models.ForeignKey(PowerRun, models.PROTECT, verbose_name=_("power settlement"), db_index=False)
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), db_index=False)
    power = models.DecimalField(_("power"), max_digits=36, decimal_places=6)
    amount = models.DecimalField(_("reward"), max_digits=30, decimal_places=6, db_default=0)
    paid_at = models.DateTimeField(_("paid at"), null=True)

    class Meta:
        verbose_name = _("power reward")
        verbose_name_plural = _("power rewards")
        constraints = [
            models.UniqueConstraint(fields=["run", "client"], name="mining_reward_once"),
            models.CheckConstraint(condition=Q(power__gt=0, amount__gte=0), name="mining_reward_positive"),
        ]
        indexes = [
            models.Index(fields=["client", "id"], name="mining_reward_client"),
            models.Index(fields=["run", "client"], name="mining_reward_due", condition=Q(paid_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.client_id}"
