"""What operating the platform needs: answers kept for repeated requests, halts, approvals by two, audit, alerts, and
runs of the jobs that settle."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
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
        return f"{self.get_kind_display()} {self.index_id or ''}".strip()


class AuditEntry(models.Model):
    """What an operator did to which object, and why. PostgreSQL lets nobody change or delete one (approvals.sql)."""

    # Users are deactivated, not deleted: what they did stays theirs under any later name.
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("operator"), related_name="+")
    action = models.CharField(_("action"), max_length=60)
    object_type = models.CharField(_("object type"), max_length=60)
    object_id = models.CharField(_("object"), max_length=120)
    reason = models.CharField(_("reason"), max_length=500, blank=True, db_default="")
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [models.Index(fields=["object_type", "object_id"], name="operations_audit_object")]

    def __str__(self) -> str:
        from operations.wording import action_in_words

        return f"{action_in_words(self.action)} {self.object_id}"


class Approval(models.Model):
    """What one operator proposes and another must approve before it is done: four eyes.

    `kind` names who carries it out (operations/approvals.py), `proposal` what that needs to know. PostgreSQL keeps that
    nobody approves what it proposed, that a proposal is never edited, and that it is decided once (approvals.sql).
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("waits for a second operator")
        APPROVED = "approved", _("approved and carried out")
        REJECTED = "rejected", _("rejected")

    kind = models.CharField(_("what is proposed"), max_length=40)
    object_type = models.CharField(_("object type"), max_length=60)
    object_id = models.CharField(_("object"), max_length=120)
    proposal = models.JSONField(_("proposal"), default=dict)
    reason = models.CharField(_("reason"), max_length=500)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, db_default=Status.PENDING)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("proposed by"), related_name="+"
    )
    proposed_at = models.DateTimeField(_("proposed"), db_default=Now())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("decided by"), related_name="+", null=True
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    decision_reason = models.CharField(_("reason of the decision"), max_length=500, blank=True, db_default="")

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(
                condition=Q(status="pending", decided_by=None, decided_at=None)
                | Q(status__in=["approved", "rejected"], decided_by__isnull=False, decided_at__isnull=False),
                name="operations_approval_decision",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | ~Q(decided_by=F("proposed_by")), name="operations_approval_four_eyes"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="operations_approval_reason"),
            models.UniqueConstraint(
                fields=["kind", "object_type", "object_id"],
                condition=Q(status="pending"),
                name="operations_approval_pending_once",
            ),
        ]

    def __str__(self) -> str:
        from operations.approvals import label

        return f"{label(self.kind)} #{self.pk}"


class Alert(models.Model):
    """Something that operators should know at once. Written with what it tells of, sent by a sweep."""

    # The same key is not sent again for an hour.
    key = models.CharField(_("key"), max_length=120)
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(_("time"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True)
    attempts = models.IntegerField(_("attempts"), db_default=0)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [
            models.Index(fields=["key", "created_at"], name="operations_alert_key"),
            models.Index(fields=["id"], name="operations_alert_unsent", condition=Q(sent_at=None)),
        ]

    def __str__(self) -> str:
        return self.subject


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
        from operations.runs import label

        return f"{label(self.job)} {self.day}"
