"""The ledger in the back office: to be read, never written."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from common.admin import ReadOnlyAdmin
from ledger.models import Account, Transfer


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind_label", "client_id", "balance")
    list_filter = ("kind",)
    search_fields = ("=client_id", "=id")
    ordering = ("-id",)

    @admin.display(description=_("kind"), ordering="kind")
    def kind_label(self, row: Account) -> str:
        return str(Account.Kind(row.kind).label)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "kind", "debit", "credit", "amount", "reference")
    list_filter = ("kind",)
    search_fields = ("=reference", "=debit__id", "=credit__id")
    list_select_related = ("debit", "credit")
    ordering = ("-id",)
    show_full_result_count = False
