"""Pages of a list, in the document's form."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request

from common.errors import Invalid

LARGEST_PAGE = 100


def _positive(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name)
    if value is None and request.method == "POST" and isinstance(request.data, dict):
        value = request.data.get(name)
    if value is None:
        return default
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):
        raise Invalid({name: [_("A whole number above zero is required.")]})
    return int(text)


def paginate(request: Request, queryset: QuerySet[Any], per_page: int) -> tuple[list[Any], dict[str, int]]:
    """The rows of the page asked for, and the envelope's `page`. Past the end: no rows."""
    number = _positive(request, "page", 1)
    size = min(_positive(request, "per_page", per_page), LARGEST_PAGE)
    total = queryset.count()
    start = (number - 1) * size
    found = list(queryset[start : start + size]) if start < total else []
    return found, {
        "total": total,
        "count": len(found),
        "per_page": size,
        "current_page": number,
        "total_pages": max(1, -(-total // size)),
    }
