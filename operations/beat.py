"""Beat's schedule, which operators may change."""

from collections.abc import Mapping
from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Schedule(DatabaseScheduler):
    """Starts with the settings' schedule. An entry that is in the database already stays what operators made of it
    in the back office, where a start would otherwise undo it."""

    def update_from_dict(self, mapping: Mapping[str, Any]) -> None:
        kept = set(PeriodicTask.objects.filter(name__in=mapping).values_list("name", flat=True))
        super().update_from_dict({name: entry for name, entry in mapping.items() if name not in kept})
