from django.contrib import admin

from common.admin import ReadOnlyAdmin
from contracts.models import DayVolume, Fill, Order, Position


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
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
    )
    list_filter = ("status", "kind", "price_type", "direction", "index")
    search_fields = ("=id", "client__address__iexact")
    list_select_related = ("client", "index")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
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
        "mark",
        "closed_at",
        "attempts",
    )
    list_filter = ("mark", "direction", "index", ("closed_at", admin.EmptyFieldListFilter))
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
