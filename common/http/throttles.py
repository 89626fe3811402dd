"""Rate limits in Redis, counted in fixed windows. A call names its scope; see `settings.THROTTLES`."""

import hashlib
import time
from typing import Any

import redis
import structlog
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from common.redis import client

log = structlog.get_logger(__name__)


def exceeded(scope: str, who: str) -> float | None:
    """Counts one request of `who`; the seconds to wait where it is one too many.

    Without Redis nothing is limited: money never depends on it.
    """
    most, seconds = settings.THROTTLES[scope]
    now = time.time()
    window = int(now // seconds)
    name = hashlib.blake2b(who.encode(), digest_size=16).hexdigest()
    key = f"soke:throttle:{scope}:{name}:{window}"
    try:
        count: Any = client().incr(key)
        if count == 1:
            client().expire(key, seconds + 1)
    except redis.RedisError as error:
        log.warning("throttle_unavailable", error=str(error))
        return None
    return (window + 1) * seconds - now if count > most else None


class Throttle(BaseThrottle):
    """`throttle_scope` of the call: `read` or `order` for a client (or its IP), `sign_in` for address and IP."""

    _wait: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "throttle_scope", "read")
        ip = str(self.get_ident(request))
        if scope == "sign_in":
            self._wait = exceeded("sign_in_ip", ip)
            address = request.data.get("address") if isinstance(request.data, dict) else None
            if self._wait is None and isinstance(address, str):
                self._wait = exceeded("sign_in_address", f"{address[:64].lower()}|{ip}")
        else:
            who = f"client:{request.user.id}" if request.user else f"ip:{ip}"
            self._wait = exceeded(scope, who)
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait
