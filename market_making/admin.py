from django.contrib import admin

from common.admin import ReadOnlyAdmin
from market_making.models import Exposure, Pledge, PledgeResult, Pool, Settlement


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = ("id", "reserved", "units", "units_leaving", "marked_result", "marked")


@admin.register(Exposure)
class ExposureAdmin(ReadOnlyAdmin):
    list_display = ("index", "direction", "quantity", "notional", "bound", "volume")
    list_filter = ("direction",)
    search_fields = ("index__code", "index__title")
    list_select_related = ("index",)


@admin.register(Pledge)
class PledgeAdmin(ReadOnlyAdmin):
    list_display = ("no", "client", "principal", "units", "income", "loss", "joined_at", "cancelled_at", "unpaid_since")
    list_filter = ("leaves", ("unpaid_since", admin.EmptyFieldListFilter), ("ended_at", admin.EmptyFieldListFilter))
    search_fields = ("=no", "client__address__iexact")
    list_select_related = ("client",)
    ordering = ("-id",)


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin):
    list_display = ("day", "fixed_at", "equity", "reserved", "profit", "demand", "due", "cursor", "last", "finished_at")
    date_hierarchy = "day"
    ordering = ("-day",)


@admin.register(PledgeResult)
class PledgeResultAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "settlement", "pledge", "client", "income", "loss", "returned")
    search_fields = ("=pledge__no", "client__address__iexact")
    list_select_related = ("settlement", "pledge", "client")
    show_full_result_count = False
    ordering = ("-id",)
