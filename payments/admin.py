from django.contrib import admin

from common.admin import ReadOnlyAdmin
from payments.models import ChainTransfer, PaymentOrder, ScanCursor


@admin.register(PaymentOrder)
class PaymentOrderAdmin(ReadOnlyAdmin):
    list_display = ("no", "created_at", "client", "purpose", "amount", "status", "reason")
    list_filter = ("status", "purpose")
    search_fields = ("no__exact", "client__address", "tx_hash__exact")
    list_select_related = ("client",)
    date_hierarchy = "created_at"
    ordering = ("-id",)


@admin.register(ChainTransfer)
class ChainTransferAdmin(ReadOnlyAdmin):
    list_display = ("tx_hash", "log_index", "block_time", "sender", "amount", "status", "booked_as", "client", "order")
    list_filter = ("status", "booked_as")
    search_fields = ("tx_hash__exact", "sender", "order__no__exact")
    list_select_related = ("client", "order")
    date_hierarchy = "block_time"
    ordering = ("-id",)


@admin.register(ScanCursor)
class ScanCursorAdmin(ReadOnlyAdmin):
    list_display = ("chain_id", "block_number", "block_time", "updated_at")
    exclude = ("trail",)
