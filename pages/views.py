"""The pages. Each is a shell with its words; figures and lists come by the API and the socket."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from common.http.errors import unknown_path
from common.money import format_price
from common.public_ids import encode
from contracts import queries as contracts
from indexes.models import Index
from indexes.rules import INTERVALS
from pages import demonstration, texts


def _index(row: Index, simulated: bool) -> dict[str, Any]:
    return {
        "id": encode(row.id),
        "code": row.code,
        "title": row.title,
        "sub_title": row.sub_title,
        "lever": row.lever,
        "decimals": row.decimals,
        "contract_size": format_price(row.contract_size),
        "simulated": simulated,
    }


def _shell(request: HttpRequest, name: str, status: int = 200, **more: Any) -> HttpResponse:
    """A page of `templates/pages/`, with what all of them need."""
    markets = contracts.markets()
    indexes = [_index(row, row.id in markets and markets[row.id].simulated) for row in contracts.listed_indexes()]
    config = {
        "chain_id": settings.CHAIN_ID,
        "token": settings.CHAIN_TOKEN_ADDRESS,
        "receiving": settings.CHAIN_RECEIVING_ADDRESS,
        "confirmations": settings.CHAIN_CONFIRMATIONS,
        "demonstration": demonstration.addresses(),
        "indexes": indexes,
    }
    context = {
        "page": name,
        "english": get_language() == "en",
        "indexes": indexes,
        "simulated": any(index["simulated"] for index in indexes),
        "config": config,
        "texts": texts.words(),
        "reasons": texts.reasons(),
        "demonstration": settings.DEMONSTRATION_WALLET,
        **more,
    }
    return render(request, f"pages/{name}.html", context, status=status)


def page(name: str) -> Any:
    """A view of one page that is the same for everybody; the form that changes the language needs its cookie."""

    @require_safe
    @never_cache
    @ensure_csrf_cookie
    def view(request: HttpRequest) -> HttpResponse:
        return _shell(request, name)

    return view


@require_safe
@never_cache
@ensure_csrf_cookie
def trade(request: HttpRequest, code: str | None = None) -> HttpResponse:
    """The page of an index; without a code, of the first one."""
    listed = contracts.listed_indexes()
    if code is None and listed:
        return redirect("trade", code=listed[0].code)
    found = next((row for row in listed if row.code == code), None)
    if found is None:
        return _shell(request, "missing", status=404)
    return _shell(
        request,
        "trade",
        current=found,
        contract_size=format_price(found.contract_size),
        intervals=list(INTERVALS),
        simulated=bool((market := contracts.markets().get(found.id)) and market.simulated),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For people a page, for programs the envelope."""
    if request.path.startswith("/api/") or "text/html" not in request.META.get("HTTP_ACCEPT", ""):
        return unknown_path(request)
    return _shell(request, "missing", status=404)
