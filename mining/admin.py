from django.contrib import admin

from common.admin import ReadOnlyAdmin
from mining.models import Miner, PowerReward, PowerRun


@admin.register(Miner)
class MinerAdmin(ReadOnlyAdmin):
    list_display = ("client", "opened_at", "open_until", "stopped_at")
    list_filter = (("stopped_at", admin.EmptyFieldListFilter),)
    search_fields = ("client__address__iexact",)
    list_select_related = ("client",)
    ordering = ("-opened_at",)


@admin.register(PowerRun)
class PowerRunAdmin(ReadOnlyAdmin):
    list_display = ("day", "moment", "incentive_pool", "rate", "pot", "total_power")
    search_fields = ("=day",)
    ordering = ("-day",)


@admin.register(PowerReward)
class PowerRewardAdmin(ReadOnlyAdmin):
    list_display = ("id", "run", "client", "power", "amount", "paid_at")
    list_filter = (("paid_at", admin.EmptyFieldListFilter),)
    search_fields = ("client__address__iexact",)
    list_select_related = ("run", "client")
    ordering = ("-id",)
    show_full_result_count = False
