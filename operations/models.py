"""What operating the platform needs: answers kept for repeated requests, halts."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class KeptAnswer(models.Model):
    """The answer to a request that bore an Idempotency-Key, replayed to a repeat for 24 hours."""

    client_id = models.BigIntegerField(_("client"))
    path = models.CharField(_("path"), max_length=80)
    key = models.CharField(_("key"), max_length=128)
    body_hash = models.BinaryField(_("hash of the body"), max_length=32)
    answer = models.JSONField(_("answer"), null=True)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        constraints = [models.UniqueConstraint(fields=["client_id", "path", "key"], name="operations_keptanswer_once")]
        indexes = [models.Index(fields=["created_at"], name="operations_keptanswer_age")]

    def __str__(self) -> str:
        return f"{self.path} {self.key}"


class Halt(models.Model):
    """An operator's stop. `open` and `all` may be for one index (`index_id`; none: every one); it ends when lifted.

    Closing and cancelling survive every halt but `all`.
    """

    class Kind(models.TextChoices):
        OPEN = "open", _("opening positions")
        DEPOSIT = "deposit", _("deposits")
        WITHDRAW = "withdraw", _("withdrawals")
        ALL = "all", _("everything")

    kind = models.CharField(_("what is halted"), max_length=12, choices=Kind.choices)
    # This room lies below that of the indexes, hence no foreign key.
    index_id = models.BigIntegerField(_("index"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    started_by = models.CharField(_("halted by"), max_length=150)
    started_at = models.DateTimeField(_("halted at"), db_default=Now())
    lifted_by = models.CharField(_("lifted by"), max_length=150, blank=True, db_default="")
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("halt")
        verbose_name_plural = _("halts")
        constraints = [
            models.CheckConstraint(
                condition=Q(index_id__isnull=True) | Q(kind__in=["open", "all"]),
                name="operations_halt_of_an_index",
                violation_error_message=_("Only opening positions, or everything, can be halted for one index."),
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="operations_halt_reason"),
            models.UniqueConstraint(
                fields=["kind", "index_id"],
                condition=Q(lifted_at__isnull=True),
                nulls_distinct=False,
                name="operations_halt_once",
                violation_error_message=_("This is halted already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.index_id or ''}".strip()
