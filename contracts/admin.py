from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.admin import ReadOnlyAdmin
from contracts import services
from contracts.models import MOST_ATTEMPTS, DayVolume, Fill, Order, Position


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

    actions = ("retry",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"contracts.change_{self.opts.model_name}")

    @admin.action(description=gettext_lazy("Try the chosen parked executions again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        chosen = {"order_ids": ids} if queryset.model is Order else {"position_ids": ids}
        number = services.retry_parked(**chosen)
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
