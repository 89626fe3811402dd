"""Values that operators may change while the platform runs; where they have not, the settings' value holds.

Kept in the process for half a second, so a change is everywhere within that time. What decides about money reads its
value once and stores what came of it.
"""

from typing import Any

from constance.codecs import loads
from constance.models import Constance
from django.conf import settings

from common.briefly import briefly


@briefly
def _changed() -> dict[str, Any]:
    return {key: loads(value) for key, value in Constance.objects.values_list("key", "value")}


class Live:
    """`live.NAME` is the operators' value of a setting, else the setting itself."""

    def __getattr__(self, name: str) -> Any:
        found = _changed().get(name) if name in settings.CONSTANCE_CONFIG else None
        return getattr(settings, name) if found is None else found


live = Live()
