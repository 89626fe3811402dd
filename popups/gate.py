"""The gate that every call passes before its own code: bans and popups."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.queries import claimant
from common.errors import Interrupted
from popups import memory, queries, rules
from popups.models import Popup


def stand_in_the_way(request: Request, view: Any) -> None:
    """Raises Interrupted where a popup takes the place of the answer.

    Before sign-in the client is the one whose address is claimed. A popup that can be closed is for calls with
    `shows_closable_popups` alone, once a viewer and 24 hours.
    """
    client: Any = request.user
    if getattr(view, "claims_address", False):
        client = claimant(request.data.get("address") if isinstance(request.data, dict) else None)
    live = queries.live_popups(client.id if client else None)
    if client and client.is_banned:
        raise Interrupted(_ban(request, live))
    if not live:
        return
    fitting = [popup for popup in live if popup.kind != Popup.Kind.BAN and _fits(popup, request)]
    for popup in fitting:
        if not popup.is_cancel:
            raise Interrupted(queries.shown(popup))
    if getattr(view, "shows_closable_popups", False) and request.method == "GET":
        viewer = _viewer(request, client.id if client else None)
        for popup in fitting:
            if viewer is None or memory.first_time(popup.pk, viewer):
                raise Interrupted(queries.shown(popup))


def _ban(request: Request, live: list[Popup]) -> dict[str, Any]:
    """The operators' words for a banned client, its own before those for all; the platform's where they wrote none."""
    for popup in live:
        if popup.kind == Popup.Kind.BAN and _fits(popup, request):
            return queries.shown(popup)
    return {
        "title": _("Account banned"),
        "content": _("Your account is suspected of breaking the rules and has been banned."),
        "is_cancel": False,
        "buttons": [],
    }


def _fits(popup: Popup, request: Request) -> bool:
    platform, version = request.META.get("HTTP_X_APP_PLATFORM", ""), request.META.get("HTTP_X_APP_VERSION", "")
    return rules.fits_platform(platform, popup.platforms) and rules.fits_version(
        version, popup.version_from, popup.version_to, popup.also_unknown
    )


def _viewer(request: Request, client_id: int | None) -> str | None:
    """Who has seen it: the client, else the device that a visitor names; a visitor without one is always new."""
    if client_id is not None:
        return f"client:{client_id}"
    device = request.META.get("HTTP_X_DEVICE_ID", "").strip()[:128]
    return f"device:{device}" if device else None
