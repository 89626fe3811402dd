"""What operating the platform needs: answers kept for repeated requests, halts, runs of the jobs that settle."""

from datetime import timedelta

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


class JobRun(models.Model):
    """One job's work for one accounting day (in Asia/Shanghai): there is one row for both, however often it is run.

    `waiting`: nothing is done yet; `running`: its first step is done and it goes on from there; `missed`: it never
    began, and its work fell into a later day's run. `note` says what it waits for, `error` why the last try failed.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        MISSED = "missed", _("missed, done with a later day")

    job = models.CharField(_("job"), max_length=24)
    day = models.DateField(_("accounting day"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, db_default=State.WAITING)
    counts = models.JSONField(_("counts"), default=dict, db_default={})
    note = models.CharField(_("waits for"), max_length=200, db_default="")
    error = models.TextField(_("error"), db_default="")
    attempts = models.IntegerField(_("attempts"), db_default=0)
    worked = models.DurationField(_("duration"), db_default=timedelta())
    created_at = models.DateTimeField(_("first asked for"), db_default=Now())
    begun_at = models.DateTimeField(_("begun"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [
            models.UniqueConstraint(fields=["job", "day"], name="operations_jobrun_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "missed"], begun_at=None, finished_at=None)
                | Q(state="running", begun_at__isnull=False, finished_at=None)
                | Q(state="done", begun_at__isnull=False, finished_at__isnull=False),
                name="operations_jobrun_state",
            ),
        ]
        indexes = [models.Index(fields=["job", "day"], name="operations_jobrun_open", condition=Q(state="running"))]

    def __str__(self) -> str:
        return f"{self.job} {self.day}"
