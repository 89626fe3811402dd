"""What a service may raise. `common.http.errors` turns them into answers; nothing else knows HTTP."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _


class Problem(Exception):
    """A request that fails for a reason the client can understand.

    `reason` is a stable machine word, `message` a sentence in the reader's language.
    """

    code = 500
    reason = "refused"
    default_message: Any = _("The operation failed")

    def __init__(self, message: Any = None, reason: str | None = None) -> None:
        self.message = self.default_message if message is None else message
        self.reason = reason or self.reason
        super().__init__(self.reason)


class Refused(Problem):
    """The request was understood and the operation refused: code 500 on HTTP 200."""


class Invalid(Problem):
    """The request's fields are wrong: code 400. `errors` is {field: [sentences]}."""

    code = 400
    reason = "invalid"
    default_message = _("Invalid parameters")

    def __init__(self, errors: Mapping[str, Any], reason: str | None = None) -> None:
        super().__init__(reason=reason)
        self.errors = {
            field: list(found) if isinstance(found, list | tuple) else [found] for field, found in errors.items()
        }


class Unauthenticated(Problem):
    """No token, or one that is wrong, expired or revoked: code 401."""

    code = 401
    reason = "unauthenticated"
    default_message = _("Authentication failed")


class Banned(Unauthenticated):
    """A banned client's token opens no socket; its calls are answered by the ban's popup instead."""

    reason = "banned"
    default_message = _("This account is banned.")


class Interrupted(Problem):
    """Something takes the place of the answer: code 666 on HTTP 200. `data` is what the client is to show."""

    code = 666
    reason = "popup"

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__("")
        self.data = dict(data)


def not_found(field: str = "id") -> Invalid:
    """Somebody else's object and one that does not exist are the same to a client."""
    return Invalid({field: [_("Not found.")]}, reason="not_found")
