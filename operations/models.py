"""What operating the platform needs: answers kept for repeated requests."""

from django.db import models
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
