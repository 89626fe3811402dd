"""An operator's session: it has a second factor where the settings require one, and it ends.

It ends after some quiet minutes (SESSION_COOKIE_AGE, renewed by each request) and after some hours in any case.
"""

import time
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

_SINCE = "operator_since"


def register() -> None:
    user_logged_in.connect(_note, dispatch_uid="backoffice.sessions")


def _note(sender: Any, request: HttpRequest, **_: Any) -> None:
    request.session[_SINCE] = int(time.time())


def needs_second_factor(request: HttpRequest) -> bool:
    """Whether the password alone is not enough yet."""
    user: Any = request.user
    return bool(settings.SOKE_TOTP_REQUIRED and user.is_authenticated and not user.is_verified())


def is_over(request: HttpRequest) -> bool:
    since: int = request.session.get(_SINCE, 0)
    return bool(time.time() - since >= settings.OPERATOR_SESSION_SECONDS)


def is_whole(request: HttpRequest) -> bool:
    """Whether this session may open pages."""
    return not needs_second_factor(request) and not is_over(request)
