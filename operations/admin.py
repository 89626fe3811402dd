import json
from datetime import time
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin

from common.admin import ReadOnlyAdmin
from operations import halts, tasks
from operations.models import Halt, JobRun, KeptAnswer


@admin.register(KeptAnswer)
class KeptAnswerAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "client_id", "path", "key")
    search_fields = ("=client_id", "key")
    ordering = ("-id",)


@admin.register(Halt)
class HaltAdmin(ModelAdmin):
    """A halt is added, and later lifted by the action; it is never edited or deleted."""

    list_display = ("kind", "index_id", "reason", "started_by", "started_at", "lifted_by", "lifted_at")
    list_filter = ("kind", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("reason", "started_by")
    ordering = ("-id",)
    fields = ("kind", "index_id", "reason")
    actions = ("lift",)

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
        for halt in queryset:
            halts.lift(halt_id=halt.pk, operator=request.user.get_username())


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Every run that settled, or waits and for what. A run is repeated by the worker; one that is done stays done."""

    list_display = ("job", "day", "state", "counts", "note", "error", "attempts", "worked", "begun_at", "finished_at")
    list_filter = ("job", "state")
    date_hierarchy = "day"
    ordering = ("-day", "job")
    actions = ("run_again",)

    def has_run_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.has_perm("operations.change_jobrun"))

    @admin.action(description=_("Run the chosen runs again"), permissions=["run"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> None:
        for run in queryset.order_by("day"):
            transaction.on_commit(partial(tasks.settle.delay, run.job, run.day.isoformat()))
        messages.info(request, _("Handed to the worker; the rows show what comes of it."))


# Their own pages stand outside the theme. A platform's schedule needs intervals and crontabs, no more.
for unthemed in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(unthemed)


@admin.register(IntervalSchedule)
class IntervalAdmin(ModelAdmin):
    list_display = ("id", "every", "period")


@admin.register(CrontabSchedule)
class CrontabAdmin(ModelAdmin):
    list_display = ("id", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")


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

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and cleaned.get("due"):
            arguments = json.loads(self.instance.kwargs) | {"due": cleaned["due"].isoformat("minutes")}
            self.instance.kwargs = json.dumps(arguments)
        return cleaned


@admin.register(PeriodicTask)
class ScheduleAdmin(ModelAdmin):
    """When beat asks for each job. Jobs are the platform's: none is added, renamed or given other work here."""

    form = ScheduleForm
    list_display = ("name", "enabled", "interval", "crontab", "kwargs", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab")
    readonly_fields = ("name", "task", "last_run_at", "total_run_count")
    ordering = ("name",)

    def get_fields(self, request: HttpRequest, obj: PeriodicTask | None = None) -> list[str]:
        own = ["due"] if obj is not None and "due" in json.loads(obj.kwargs) else []
        return ["name", "task", "enabled", "interval", "crontab", *own, "last_run_at", "total_run_count"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
