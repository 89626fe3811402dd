"""Lists as CSV, for accountants, with the list's own search and filters."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, StreamingHttpResponse

from accounts.models import Client
from backoffice.groups import EXPORT
from common.csv import stream
from ledger import queries as ledger
from ledger.models import Account, Transfer
from operations import audit
from operations.audited import SECRET

_CHUNK = 2000


def export_list(request: HttpRequest, app_label: str, model_name: str) -> StreamingHttpResponse:
    """The list as the operator sees it, all of its pages, every column of the table but secrets."""
    model_admin = next(
        (
            found
            for model, found in admin.site._registry.items()
            if (model._meta.app_label, model._meta.model_name) == (app_label, model_name)
        ),
        None,
    )
    if model_admin is None:
        raise Http404
    if not (model_admin.has_view_permission(request) and request.user.has_perm(EXPORT)):
        raise PermissionDenied
    found = model_admin.get_changelist_instance(request).get_queryset(request)
    fields = [
        field
        for field in model_admin.model._meta.concrete_fields
        if field.name not in SECRET and not isinstance(field, models.BinaryField)
    ]
    rows = found.select_related(None).values_list(*(_column(field) for field in fields))
    return _answer(request, model_admin.model, fields, rows.count(), _in_words(rows, fields))


def _column(field: Any) -> str:
    """What stands for a row of another table: an operator's name, a client's address, else its number."""
    shown = {User: "username", Client: "address"}.get(field.related_model)
    return f"{field.name}__{shown}" if shown else str(field.attname)


def _in_words(rows: Any, fields: Sequence[Any]) -> Iterator[list[Any]]:
    """Choices and accounts as the lists show them."""
    words = [Account.named if field.related_model is Account else _said(dict(field.flatchoices)) for field in fields]
    for row in rows.iterator(_CHUNK):
        yield [None if value is None else say(value) for value, say in zip(row, words, strict=True)]


def _said(choices: dict[Any, Any]) -> Callable[[Any], Any]:
    return lambda value: choices.get(value, value) if choices else value


def _answer(
    request: HttpRequest, model: type[models.Model], fields: list[Any], total: int, rows: Iterable[Any]
) -> StreamingHttpResponse:
    _record(request, model._meta.label, "", {"filters": request.GET.dict(), "rows": total})
    return stream(model._meta.label_lower, [str(field.verbose_name) for field in fields], rows, total)


def _record(request: HttpRequest, label: str, object_id: object, after: dict[str, Any]) -> None:
    audit.record(
        operator=cast(User, request.user),
        action="export",
        object_type=label,
        object_id=object_id,
        after=after,
    )


def export_statement(request: HttpRequest, client_id: int) -> StreamingHttpResponse:
    """Everything that moved on a client's accounts, oldest first."""
    if not (request.user.has_perm("accounts.view_client") and request.user.has_perm(EXPORT)):
        raise PermissionDenied
    if not Client.objects.filter(id=client_id).exists():
        raise Http404
    found = ledger.movements(client_id).order_by("id")
    total = found.count()
    _record(request, "accounts.Client", client_id, {"rows": total})
    names = ("created_at", "kind", "reference", "debit", "credit", "amount")
    header = [str(label_for_field(name, Transfer)) for name in names]
    columns = found.values_list("created_at", "kind", "reference", "debit_id", "credit_id", "amount")
    fields = [Transfer._meta.get_field(name) for name in names]
    return stream(f"client-{client_id}", header, _in_words(columns, fields), total)
