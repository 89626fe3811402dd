"""Which channels there are and who may sign in. The apps sign up in their `apps.py`."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Protocol

from common.errors import Unauthenticated

# (client id, address, claims): the claims hold `exp` (unix seconds) and `jti`.
Session = tuple[int, str, dict[str, Any]]


class PrivateChannel(Protocol):
    """A channel on which every client sees its own."""

    name: str
    # Whether prices change what is pushed.
    follows_ticks: bool

    def load(self, client_id: int) -> Any:
        """The client's state from the database: once at the first subscription, then after `clients_changed`."""

    def render(self, state: Any, prices: Mapping[int, Decimal]) -> list[Any] | dict[str, Any]:
        """The frame's `data`. Pure; `prices` are the last ones by index id, those not ticked yet are missing."""

    def touched(self, state: Any, changed: Collection[int]) -> bool:
        """Whether new prices of these indexes change the rendering. Pure."""


_public: dict[str, Callable[[str], bool]] = {}
_private: dict[str, PrivateChannel] = {}
_authenticate: list[Callable[[str], Session]] = []


def public_prefix(prefix: str, exists: Callable[[str], bool]) -> None:
    """Public channels `<prefix><code>`; `exists(code)` may ask the database."""
    _public[prefix] = exists


def private(channel: PrivateChannel) -> None:
    _private[channel.name] = channel


def authenticator(check: Callable[[str], Session]) -> None:
    """Who a token belongs to; raises `Unauthenticated`. May ask the database."""
    _authenticate[:] = [check]


def authenticate(token: str) -> Session:
    if not _authenticate:
        raise Unauthenticated
    return _authenticate[0](token)


def private_channel(name: str) -> PrivateChannel | None:
    return _private.get(name)


def public_exists(name: str) -> bool:
    """Whether somebody offers this public channel; may ask the database."""
    return any(name.startswith(prefix) and exists(name[len(prefix) :]) for prefix, exists in _public.items())
