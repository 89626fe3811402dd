from django.contrib import admin

from common.admin import ReadOnlyAdmin
from market_making.models import Exposure, Pledge, Pool


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
    list_display = ("no", "client", "principal", "units", "joined_at")
    search_fields = ("=no", "client__address__iexact")
    list_select_related = ("client",)
    ordering = ("-id",)
