"""The sockets with channels and an authenticator of their own, whose "database" is Redis: what uvicorn runs in
the tests of the sockets.

Public channels `test.public.<code>` exist unless the code is `missing`. The private channel `test.own` shows a client's
holdings `{index id: volume}` and what they are worth. A token is `<client>/<jti>/<unix seconds of its end>`.
"""

import os
import time
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "common.tests.socket_settings"

import django

django.setup()

import orjson  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

from common.errors import Unauthenticated  # noqa: E402
from common.redis import client  # noqa: E402
from common.sockets import registry  # noqa: E402
from soke_project.routing import sockets  # noqa: E402

HOLDINGS, LOADS, ENDED = "soke:test:holdings", "soke:test:loads", "soke:test:ended"


class Own:
    name = "test.own"
    follows_ticks = True

    def load(self, client_id: int) -> Any:
        client().hincrby(LOADS, str(client_id), 1)
        found: Any = client().hget(HOLDINGS, str(client_id))
        return {int(index): Decimal(volume) for index, volume in orjson.loads(found or b"{}").items()}

    def render(self, state: Any, prices: Mapping[int, Decimal]) -> list[Any]:
        return [{"index": index, "worth": str(volume * prices.get(index, 0))} for index, volume in state.items()]

    def touched(self, state: Any, changed: Collection[int]) -> bool:
        return any(index in changed for index in state)


def authenticate(token: str) -> registry.Session:
    try:
        client_id, jti, end = token.split("/")
    except ValueError:
        raise Unauthenticated from None
    if float(end) <= time.time() or client().sismember(ENDED, jti):
        raise Unauthenticated
    return int(client_id), f"0x{client_id}", {"exp": float(end), "jti": jti}


registry.public_prefix("test.public.", lambda code: code != "missing")
registry.private(Own())
registry.authenticator(authenticate)

application = ProtocolTypeRouter({"websocket": sockets})
