"""A wallet that needs no installing: on the development chain anvil itself holds the keys of its accounts.

The page's wallet asks here, and what is asked for is passed on to the chain's node: nothing but what signing in and
paying take, and only for the accounts that are free to try. Elsewhere the path does not exist.
"""

from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from chain.development import wallet
from chain.node import NodeError, NodeRefused, node

FREE_WALLETS = range(3, 10)
_MOST_BYTES = 8192
# JSON-RPC 2.0 and EIP-1193.
_INVALID, _NO_METHOD, _UNAUTHORIZED, _INTERNAL = -32600, -32601, 4100, -32603
_PAYMENT_FIELDS = {"from", "to", "data"}


def addresses() -> list[str]:
    """Of the accounts that are free to try (EIP-55); none but on the development chain."""
    return [wallet(index).address for index in FREE_WALLETS] if settings.DEMONSTRATION_WALLET else []


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


# The content type asks browsers to ask first, so that no foreign page reaches this; there is no cookie to abuse.
@csrf_exempt
@require_POST
def rpc(request: HttpRequest) -> HttpResponse:
    """One JSON-RPC call of the demonstration wallet."""
    if not settings.DEMONSTRATION_WALLET:
        raise Http404
    identifier = None
    try:
        call = _call(request)
        identifier = call.get("id")
        body: dict[str, Any] = {"result": _carry_out(call)}
    except _Refusal as refusal:
        body = {"error": {"code": refusal.code, "message": refusal.message}}
    except NodeRefused as refusal:
        body = {"error": {"code": _INTERNAL, "message": str(refusal)}}
    except NodeError:
        body = {"error": {"code": _INTERNAL, "message": _("The chain cannot be reached. Please try again later.")}}
    return HttpResponse(orjson.dumps({"jsonrpc": "2.0", "id": identifier, **body}), content_type="application/json")


def _call(request: HttpRequest) -> dict[str, Any]:
    """The call of a request, an object with an id that can be echoed."""
    if request.content_type != "application/json" or len(request.body) > _MOST_BYTES:
        raise _Refusal(_INVALID, _("Malformed request."))
    try:
        call = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise _Refusal(_INVALID, _("Malformed request.")) from error
    if not isinstance(call, dict) or not isinstance(call.get("id"), int | str | None):
        raise _Refusal(_INVALID, _("Malformed request."))
    return call


def _carry_out(call: dict[str, Any]) -> Any:
    method, params = call.get("method"), call.get("params", [])
    if not isinstance(params, list):
        raise _Refusal(_INVALID, _("Malformed request."))
    if not isinstance(method, str) or method not in _METHODS:
        raise _Refusal(_NO_METHOD, _("The demonstration wallet does not do this."))
    return _METHODS[method](params)


def _own(address: Any) -> str:
    """The address, where it is one of the free accounts'."""
    free = {free.lower(): free for free in addresses()}
    if not isinstance(address, str) or address.lower() not in free:
        raise _Refusal(_UNAUTHORIZED, _("This account is not free to try."))
    return free[address.lower()]


def _sign(params: list[Any]) -> Any:
    if len(params) != 2 or not isinstance(params[0], str):
        raise _Refusal(_INVALID, _("Malformed request."))
    return node().call("personal_sign", params[0], _own(params[1]))


def _pay(params: list[Any]) -> Any:
    """A call of the platform's token and of nothing else, paid from a free account."""
    payment = params[0] if len(params) == 1 else None
    if not isinstance(payment, dict) or set(payment) - _PAYMENT_FIELDS or not isinstance(payment.get("data"), str):
        raise _Refusal(_INVALID, _("Malformed request."))
    if str(payment.get("to")).lower() != settings.CHAIN_TOKEN_ADDRESS.lower():
        raise _Refusal(_UNAUTHORIZED, _("The demonstration wallet does not do this."))
    sent = {"from": _own(payment.get("from")), "to": settings.CHAIN_TOKEN_ADDRESS, "data": payment["data"]}
    return node().call("eth_sendTransaction", sent)


def _read(params: list[Any]) -> Any:
    """What the platform's token says without being changed; its balances, that is."""
    asked = params[0] if params else None
    if not isinstance(asked, dict) or str(asked.get("to")).lower() != settings.CHAIN_TOKEN_ADDRESS.lower():
        raise _Refusal(_UNAUTHORIZED, _("The demonstration wallet does not do this."))
    return node().call("eth_call", {"to": settings.CHAIN_TOKEN_ADDRESS, "data": str(asked.get("data"))}, "latest")


_METHODS: dict[str, Callable[[list[Any]], Any]] = {
    "eth_chainId": lambda _params: hex(settings.CHAIN_ID),
    "eth_call": _read,
    "personal_sign": _sign,
    "eth_sendTransaction": _pay,
}
