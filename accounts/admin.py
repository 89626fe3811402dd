from django.contrib import admin

from accounts.models import Client, Nonce, RevokedToken
from common.admin import ReadOnlyAdmin


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    list_display = ("id", "address", "created_at", "last_sign_in_at")
    # In any case, and in part.
    search_fields = ("address",)
    date_hierarchy = "created_at"
    ordering = ("-id",)


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
