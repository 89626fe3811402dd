import json
from collections.abc import Callable, Iterator
from datetime import time
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.widgets import UnfoldAdminSelectWidget

from common.admin import ReadOnlyAdmin, ReasonForm, carry_out, reason_of
from operations import approvals, audit, halts, runs, tasks, wording
from operations.audited import AuditedAdmin
from operations.models import Alert, Approval, AuditEntry, Halt, JobRun, KeptAnswer


@admin.register(KeptAnswer)
class KeptAnswerAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "client_id", "path", "key")
    search_fields = ("=client_id", "key")
    ordering = ("-id",)


class HaltForm(ModelForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if halts.standing(kind=cleaned.get("kind", ""), index_id=cleaned.get("index_id")):
            raise forms.ValidationError(_("This is halted already; the list shows by whom and why."))
        return cleaned


@admin.register(Halt)
class HaltAdmin(AuditedAdmin):
    """A halt is added, and later lifted by the action; it is never edited or deleted."""

    form = HaltForm
    list_display = ("kind", "index", "reason", "started_by", "started_at", "lifted_by", "lifted_at")
    list_filter = ("kind", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("reason", "started_by")
    ordering = ("-id",)
    fields = ("kind", "index_id", "reason")
    actions = ("lift",)

    @admin.display(description=_("index"), ordering="index_id")
    def index(self, row: Halt) -> str:
        return halts.index_titles().get(row.index_id, str(row.index_id)) if row.index_id else str(_("every index"))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "index_id":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        choices = [("", _("every index")), *halts.index_titles().items()]
        return forms.TypedChoiceField(
            label=_("index"),
            choices=choices,
            coerce=int,
            empty_value=None,
            required=False,
            widget=UnfoldAdminSelectWidget,
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Halt, form: ModelForm, change: bool) -> None:
        started = halts.start(
            kind=obj.kind, index_id=obj.index_id, reason=obj.reason, operator=request.user.get_username()
        )
        obj.pk = started.pk

    @admin.action(description=_("Lift the chosen halts"), permissions=["change"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Halt]) -> None:
        def lift(halt: Halt) -> None:
            halts.lift(halt_id=halt.pk, operator=request.user.get_username())
            self.record(request, "lift", halt, {"kind": halt.kind, "index_id": halt.index_id}, None, halt.reason)

        carry_out(request, queryset.filter(lifted_at=None).order_by("id"), lift)


def _filter_in_words(words: Callable[[str], str]) -> type[admin.FieldListFilter]:
    """A filter over the values that a column of codes holds."""

    class InWords(admin.AllValuesFieldListFilter):
        def choices(self, changelist: Any) -> Iterator[Any]:
            for choice in super().choices(changelist):
                yield {**choice, "display": words(str(choice["display"]))}

    return InWords


def _linked(row: AuditEntry | Approval) -> str:
    """Leads to what the row is about, if that has a page: by its id, or by a search for its number."""
    name = row.object_type.lower().replace(".", "_")
    try:
        if row.object_id.isdecimal():
            link = reverse(f"admin:{name}_change", args=[row.object_id])
        elif row.object_id.isalnum():
            link = f"{reverse(f'admin:{name}_changelist')}?q={row.object_id}"
        else:
            return row.object_id or "-"
    except NoReverseMatch:
        return row.object_id
    return format_html('<a class="underline" href="{}">{}</a>', link, row.object_id)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "operator", "done", "table", "subject", "reason")
    list_filter = (("action", _filter_in_words(wording.action_in_words)), "operator")
    search_fields = ("object_id", "reason", "operator__username")
    list_select_related = ("operator",)
    date_hierarchy = "created_at"
    ordering = ("-id",)
    fields = ("created_at", "operator", "done", "table", "subject", "reason", "changes")

    @admin.display(description=_("what was done"), ordering="action")
    def done(self, row: AuditEntry) -> str:
        return wording.action_in_words(row.action)

    @admin.display(description=_("object type"), ordering="object_type")
    def table(self, row: AuditEntry) -> str:
        return wording.title(row.object_type)

    @admin.display(description=_("object"), ordering="object_id")
    def subject(self, row: AuditEntry) -> str:
        return _linked(row)

    @admin.display(description=_("before and after"), empty_value="-")
    def changes(self, row: AuditEntry) -> str | None:
        found = wording.changes(row)
        return render_to_string("admin/changes.html", {"changes": found}) if found else None


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """What waits for a second operator. Who may approve is asked by its kind."""

    list_display = (
        *("kind_label", "subject", "what", "reason"),
        *("status", "proposed_by", "proposed_at", "decided_by"),
    )
    list_filter = ("status", ("kind", _filter_in_words(approvals.label)))
    search_fields = ("object_id", "reason", "proposed_by__username")
    list_select_related = ("proposed_by", "decided_by")
    date_hierarchy = "proposed_at"
    ordering = ("-id",)
    actions = ("approve", "reject")
    action_form = ReasonForm
    fields = (
        *("kind_label", "subject", "what", "reason", "status", "proposed_by", "proposed_at"),
        *("decided_by", "decided_at", "decision_reason"),
    )

    @admin.display(description=_("what is proposed"), ordering="kind")
    def kind_label(self, row: Approval) -> str:
        return approvals.label(row.kind)

    @admin.display(description=_("object"), ordering="object_id")
    def subject(self, row: Approval) -> str:
        return _linked(row)

    @admin.display(description=_("proposal"))
    def what(self, row: Approval) -> str:
        return approvals.in_words(row.kind, row.proposal)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return approvals.may_decide(cast(User, request.user))

    @admin.action(description=_("Approve what another operator proposed"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: approvals.approve(approval_id=row.pk, operator=operator, reason=reason),
        )

    @admin.action(description=_("Reject, with a reason"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: approvals.reject(approval_id=row.pk, operator=operator, reason=reason),
        )


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "subject", "key", "sent_at", "attempts")
    search_fields = ("key", "subject")
    date_hierarchy = "created_at"
    ordering = ("-id",)


# What the jobs write down about their runs.
_COUNTED = {
    "rewarded": _("rewarded"),
    "waiting": _("waiting"),
    "failed": _("failed"),
    "pledges": _("pledges"),
    "due": _("shared out"),
    "income": _("income"),
    "loss": _("loss"),
    "returned": _("returned"),
    "miners": _("miners"),
    "power": _("power"),
    "pot": _("pot"),
    "paid": _("paid"),
}


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Every run that settled, or waits and for what. A run is repeated by the worker; one that is done stays done."""

    list_display = ("title", "day", "state", "did", "note", "error", "attempts", "worked", "begun_at", "finished_at")
    list_filter = (("job", _filter_in_words(runs.label)), "state")
    date_hierarchy = "day"
    ordering = ("-day", "job")
    fields = (
        *("title", "day", "state", "did", "note", "error", "attempts", "worked"),
        *("created_at", "begun_at", "finished_at"),
    )
    actions = ("run_again",)

    @admin.display(description=_("job"), ordering="job")
    def title(self, run: JobRun) -> str:
        return runs.label(run.job)

    @admin.display(description=_("counts"))
    def did(self, run: JobRun) -> str:
        return " · ".join(f"{_COUNTED[name]} {value}" for name, value in run.counts.items() if name in _COUNTED)

    def has_run_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.has_perm("operations.change_jobrun"))

    @admin.action(description=_("Run the chosen runs again"), permissions=["run"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> None:
        for run in queryset.order_by("day"):
            audit.record(
                operator=cast(User, request.user),
                action="jobrun.run_again",
                object_type="operations.JobRun",
                object_id=run.pk,
                after={"job": run.job, "day": run.day.isoformat()},
            )
            transaction.on_commit(partial(tasks.settle.delay, run.job, run.day.isoformat()))
        messages.info(request, _("Handed to the worker; the rows show what comes of it."))


# Their own pages stand outside the theme. A platform's schedule needs intervals and crontabs, no more.
for unthemed in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(unthemed)


@admin.register(IntervalSchedule)
class IntervalAdmin(AuditedAdmin):
    list_display = ("id", "every", "period")


@admin.register(CrontabSchedule)
class CrontabAdmin(AuditedAdmin):
    list_display = ("id", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")


# The jobs of settings/jobs.py, for who stops one.
WHAT_JOBS_DO = {
    "payments-scan": _("reads the chain and books payments"),
    "payments-payouts": _("approves, sends and follows withdrawals"),
    "payments-watch": _("looks after payouts that have ended"),
    "payments-expire": _("ends payment orders that nobody paid"),
    "accounts-prune": _("removes sign-in texts and tokens that have expired"),
    "operations-prune": _("removes kept answers that are too old"),
    "operations-alerts": _("sends alerts"),
    "indexes-prune": _("removes price points older than a week"),
    "contracts-expire": _("refuses orders that met no price in ten seconds"),
    "backoffice-sample": _("notes the pool for the dashboard's chart"),
    "backoffice-sum-up": _("sums up the day for the dashboard"),
    "backoffice-reconcile": _("checks the books; a difference halts withdrawals"),
    "market-making-count-leaving": _("counts pledges that leave"),
    "funds-redeem": _("pays redeemed funds"),
    "funds-pay-waiting": _("pays fund rewards that wait for the reserve"),
    "settle-funds": _("rewards funds whose period has ended, daily"),
    "settle-pledges": _("shares out the pool's result, daily"),
    "settle-power": _("shares out the mining pot, daily"),
}


class ScheduleForm(forms.ModelForm):
    """A job's schedule. `due` is kept among the job's arguments; only jobs that settle have one."""

    due = forms.TimeField(label=_("due at"), required=False, help_text=_("Asia/Shanghai, for the day that has ended"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        due = json.loads(self.instance.kwargs).get("due")
        if due is None:
            del self.fields["due"]
        else:
            self.fields["due"].required = True
            self.fields["due"].initial = time.fromisoformat(due)

        for name in ("enabled", "interval", "crontab"):
            self.fields[name].help_text = ""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and bool(cleaned.get("interval")) == bool(cleaned.get("crontab")):
            raise forms.ValidationError(_("Choose an interval or a crontab, one of the two."))
        if cleaned and cleaned.get("due"):
            arguments = json.loads(self.instance.kwargs) | {"due": cleaned["due"].isoformat("minutes")}
            self.instance.kwargs = json.dumps(arguments)
        return cleaned


@admin.register(PeriodicTask)
class ScheduleAdmin(AuditedAdmin):
    """When beat asks for each job. Jobs are the platform's: none is added, renamed or given other work here."""

    form = ScheduleForm
    list_display = ("name", "what", "enabled", "interval", "crontab", "due", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab")
    readonly_fields = ("name", "what", "last_run_at", "total_run_count")
    ordering = ("name",)

    @admin.display(description=_("what it does"), empty_value="-")
    def what(self, row: PeriodicTask) -> str | None:
        return str(WHAT_JOBS_DO[row.name]) if row.name in WHAT_JOBS_DO else None

    @admin.display(description=_("due at"), empty_value="-")
    def due(self, row: PeriodicTask) -> str | None:
        found: str | None = json.loads(row.kwargs).get("due")
        return found

    def get_fields(self, request: HttpRequest, obj: PeriodicTask | None = None) -> list[str]:
        own = ["due"] if obj is not None and "due" in json.loads(obj.kwargs) else []
        return ["name", "what", "enabled", "interval", "crontab", *own, "last_run_at", "total_run_count"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
