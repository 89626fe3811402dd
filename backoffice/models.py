"""What the back office remembers for its charts."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Sample(models.Model):
    """The pool and what is open at a minute; what a ledger of movements cannot tell afterwards."""

    at = models.DateTimeField(_("time"), primary_key=True)
    equity = models.DecimalField(_("equity"), max_digits=30, decimal_places=6)
    reserved = models.DecimalField(_("reserved"), max_digits=30, decimal_places=6)
    unrealised = models.DecimalField(_("traders' unrealised profit"), max_digits=30, decimal_places=6)
    open_interest = models.DecimalField(_("open interest, USDT"), max_digits=30, decimal_places=6)

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        # What an operator may do that belongs to no one model.
        permissions = [
            ("export_rows", _("Can export lists as CSV")),
            ("close_positions", _("Can have clients' positions closed")),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class DayFlow(models.Model):
    """All transfers of a kind on a day in Asia/Shanghai, summed up by a job: the ledger is too long for every look."""

    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=24)
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    transfers = models.BigIntegerField(_("transfers"))

    class Meta:
        verbose_name = _("day's flow")
        verbose_name_plural = _("days' flows")
        constraints = [
            models.UniqueConstraint(fields=["day", "kind"], name="backoffice_dayflow_once"),
            models.CheckConstraint(condition=Q(amount__gte=0, transfers__gte=0), name="backoffice_dayflow_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}"
