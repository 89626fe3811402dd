from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.admin import ReadOnlyAdmin, ReasonForm, carry_out, reason_of
from common.errors import Refused
from contracts import services
from contracts.models import MOST_ATTEMPTS, DayVolume, Fill, Order, Position
from operations import audit


class ParkedFilter(admin.SimpleListFilter):
    """Executions that failed too often: they wait for an operator."""

    title = gettext_lazy("parked")
    parameter_name = "parked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", gettext_lazy("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() != "1":
            return queryset
        waiting = {"status": "pending"} if queryset.model is Order else {"closed_at": None}
        return queryset.filter(attempts__gte=MOST_ATTEMPTS, **waiting)


class ParkedAdmin(ReadOnlyAdmin):
    """A list whose parked rows can be tried again, by operators who may change the model."""

    actions: tuple[str, ...] = ("retry",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"contracts.change_{self.opts.model_name}")

    @admin.action(description=gettext_lazy("Try the chosen parked executions again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet) -> None:
        ids = sorted(queryset.values_list("pk", flat=True))
        chosen = {"order_ids": ids} if queryset.model is Order else {"position_ids": ids}
        with transaction.atomic():
            number = services.retry_parked(**chosen)
            audit.record(
                operator=cast(User, request.user),
                action=f"{self.opts.model_name}.retry",
                object_type=self.opts.label,
                object_id=ids[0] if len(ids) == 1 else "",
                after={"ids": ids, "tried_again": number},
            )
        messages.info(request, _("%(number)s are tried again at the next tick.") % {"number": number})


@admin.register(Order)
class OrderAdmin(ParkedAdmin):
    list_display = (
        "id",
        "created_at",
        "client",
        "index",
        "kind",
        "direction",
        "price_type",
        "price",
        "volume",
        "filled_volume",
        "status",
        "reason",
        "attempts",
        "error",
    )
    list_filter = (ParkedFilter, "status", "kind", "price_type", "direction", "index")
    search_fields = ("=id", "client__address__iexact")
    list_select_related = ("client", "index")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Position)
class PositionAdmin(ParkedAdmin):
    """Positions; those of a banned client, say, are closed at the next tick by operators who may."""

    actions = ("retry", "close")
    action_form = ReasonForm
    list_display = (
        "id",
        "opened_at",
        "client",
        "index",
        "direction",
        "volume",
        "margin",
        "liquidation_price",
        "cap_price",
        "take_profit",
        "stop_loss",
        "mark",
        "profit",
        "close_kind",
        "closed_at",
        "attempts",
        "error",
    )
    list_filter = (ParkedFilter, "mark", "close_kind", "direction", "index", ("closed_at", admin.EmptyFieldListFilter))
    search_fields = ("=id", "client__address__iexact")
    list_select_related = ("client", "index")
    ordering = ("-id",)
    show_full_result_count = False

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("backoffice.close_positions")

    @admin.action(description=gettext_lazy("Close at the next tick, with a reason"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Position]) -> None:
        operator, reason = cast(User, request.user), reason_of(request)

        @transaction.atomic
        def close(position: Position) -> None:
            if not reason:
                raise Refused(gettext_lazy("A reason is required."), "reason_missing")
            order_id, volume = services.close_position(client_id=position.client_id, position_id=position.pk)
            audit.record(
                operator=operator,
                action="position.close",
                object_type="contracts.Position",
                object_id=position.pk,
                reason=reason,
                after={"order": order_id, "volume": volume},
            )

        carry_out(request, queryset.order_by("id"), close)


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "created_at",
        "client",
        "index",
        "kind",
        "direction",
        "volume",
        "price",
        "notional",
        "fee",
        "liquidation_fee",
        "profit",
    )
    list_filter = ("kind", "direction", "index")
    search_fields = ("=id", "=position__id", "client__address__iexact")
    list_select_related = ("client", "index")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(DayVolume)
class DayVolumeAdmin(ReadOnlyAdmin):
    list_display = ("day", "index", "volume")
    list_filter = ("index",)
    search_fields = ("index__code",)
    list_select_related = ("index",)
    ordering = ("-day",)
