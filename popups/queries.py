"""What reads popups. The live ones are kept in the process for a moment, so that a call costs no query."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from common.briefly import briefly
from popups.models import Popup

# What is shown first: a ban's words, an update, a notice; of one kind the newest.
_ORDER = {Popup.Kind.BAN: 0, Popup.Kind.UPDATE: 1, Popup.Kind.NOTICE: 2}


def _live() -> QuerySet[Popup]:
    now = timezone.now()
    return Popup.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), enabled=True, starts_at__lte=now)


@briefly
def _of_all() -> list[Popup]:
    return list(_live().filter(client=None))


@briefly
def _clients_with_own() -> frozenset[int]:
    """Clients who have a popup of their own."""
    return frozenset(_live().exclude(client=None).values_list("client_id", flat=True))


def live_popups(client_id: int | None) -> list[Popup]:
    """The enabled popups of now for everybody, and those of this client, in the order in which they are shown."""
    found = list(_of_all())
    if client_id is not None and client_id in _clients_with_own():
        found += _live().filter(client=client_id)
    return sorted(found, key=lambda popup: (_ORDER[Popup.Kind(popup.kind)], popup.client_id is None, -popup.pk))


def shown(popup: Popup) -> dict[str, Any]:
    """`data` of the answer 666."""
    return {
        "title": popup.title,
        "content": popup.content,
        "is_cancel": popup.is_cancel,
        "buttons": popup.buttons,
    }
