"""Clients: who they are, what they have, and their bans."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts import bans
from accounts.models import Client, Nonce, RevokedToken
from common.admin import ReadOnlyAdmin, ReasonForm, carry_out, reason_of, reason_page
from ledger import queries as ledger
from ledger.models import Account, Transfer

SHOWN_MOVEMENTS = 30


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    list_display = ("id", "address", "created_at", "last_sign_in_at", "banned_at")
    list_filter = (("banned_at", admin.EmptyFieldListFilter),)
    # In any case, and in part.
    search_fields = ("address",)
    date_hierarchy = "created_at"
    ordering = ("-id",)
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("address", "created_at", "last_sign_in_at")}),
        (_("Ban"), {"fields": ("banned_at", "banned_by", "ban_reason")}),
        (_("Statement"), {"fields": ("statement",)}),
    )
    readonly_fields = ("statement",)
    actions = ("ban", "unban")
    action_form = ReasonForm
    actions_detail = ("ban_one", "unban_one")

    def has_ban_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.ban_client")

    @admin.display(description=_("balances and latest movements"))
    def statement(self, client: Client) -> str:
        balances = ledger.client_balances(client.pk)
        return render_to_string(
            "admin/accounts/statement.html",
            {
                "balances": [(Account.Kind(kind).label, f"{balance:,}") for kind, balance in balances.items()],
                "movements": [
                    {
                        "at": row.created_at,
                        "kind": row.get_kind_display(),
                        "account": Account.Kind(own % 8).label,
                        "amount": f"{amount:+,}",
                        "reference": row.reference,
                    }
                    for row, own, amount in _movements(client.pk)
                ],
                "download": reverse("admin:statement", args=[client.pk]),
            },
        )

    @admin.action(description=_("Ban, with a reason"), permissions=["ban"])
    def ban(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: bans.ban(client_id=row.pk, reason=reason, operator=operator),
        )

    @admin.action(description=_("Propose the end of the ban, with a reason"), permissions=["ban"])
    def unban(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: bans.propose_unban(client_id=row.pk, reason=reason, operator=operator),
        )

    @action(description=_("Ban"), permissions=["ban"], url_path="ban", icon="block")
    def ban_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return reason_page(
            self,
            request,
            object_id,
            _("Ban this client"),
            _(
                "Its calls are answered by the ban's popup from now on, its sockets are closed, its waiting orders are "
                "cancelled. Positions stay."
            ),
            lambda reason: bans.ban(client_id=int(object_id), reason=reason, operator=cast(User, request.user)),
        )

    @action(description=_("Propose the end of the ban"), permissions=["ban"], url_path="unban", icon="lock_open")
    def unban_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return reason_page(
            self,
            request,
            object_id,
            _("Propose the end of the ban"),
            _("Another operator must approve it before the client is let in again."),
            lambda reason: bans.propose_unban(
                client_id=int(object_id), reason=reason, operator=cast(User, request.user)
            ),
        )


def _movements(client_id: int) -> list[tuple[Transfer, int, Any]]:
    """The latest transfers of a client, each with the client's own account and what it gained there."""
    accounts = range(client_id * 8, client_id * 8 + 6)
    found = ledger.movements(client_id)[:SHOWN_MOVEMENTS]
    sides = ((row, own, sign * row.amount) for row in found for own, sign in ((row.debit_id, -1), (row.credit_id, 1)))
    return [(row, own, amount) for row, own, amount in sides if own in accounts]


@admin.register(Nonce)
class NonceAdmin(ReadOnlyAdmin):
    list_display = ("nonce", "address", "ip", "created_at", "expires_at")
    search_fields = ("address", "=ip", "=nonce")
    ordering = ("-created_at",)


@admin.register(RevokedToken)
class RevokedTokenAdmin(ReadOnlyAdmin):
    list_display = ("jti", "expires_at")
    search_fields = ("=jti",)
    ordering = ("-expires_at",)
